#include "store/batch.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <limits>

namespace pawl::core {
namespace {

constexpr std::uint32_t index_mask = (std::uint32_t{1} << 30) - 1;  // what an entry can number

}  // namespace

void batch::gather_group(std::span<const std::byte> group) {
  for (std::size_t at = 0; at < group.size();) {
    const std::byte* record = group.data() + at;
    const auto place = place_of_record(record, group.size() - at);
    if (!place || records_.size() == index_mask)
      throw error(errc::bad_argument, "store: a group of checkpoints is malformed; nothing of its batch was recorded");
    entry one{place->address, place->sequence, 0, place->admits, place->ends};
    one.index = records_.size() & index_mask;
    order_.push_back(one);
    records_.push_back(record);
    at += place->size;
  }
  bytes_ += group.size();
}

void batch::gather(std::span<const std::span<const std::byte>> groups) {
  records_.clear();
  order_.clear();
  bytes_ = 0;
  take_back();
  add(groups);
}

void batch::add(std::span<const std::span<const std::byte>> groups) {
  for (const auto group : groups) gather_group(group);
  sort();
}

void batch::sort() {
  if (std::is_sorted(order_.begin(), order_.end())) return;
  if (sort_by_counting() && std::is_sorted(order_.begin(), order_.end())) return;
  std::sort(order_.begin(), order_.end());
}

void batch::take_back() {
  order_.swap(aside_);
  records_.swap(records_aside_);
  taken_back_ = records_.size();
}

bool batch::is_new(const run& one) const noexcept {
  const entry& first = order_[one.first];
  return first.admits != 0 && first.index >= taken_back_;
}

bool batch::set_unfinished_aside() {
  std::size_t place = 0;
  run one;
  for (; place < order_.size(); place = one.last) {
    one = run_at(place);
    if (is_new(one) && order_[one.last - 1].ends == 0) break;
  }
  std::size_t stays = place;
  for (; place < order_.size(); place = one.last) {
    one = run_at(place);
    const bool goes = is_new(one);
    for (std::size_t i = one.first; i < one.last; ++i) {
      entry moved = order_[i];
      if (goes) {
        const std::byte* const record = records_[moved.index];
        moved.index = records_aside_.size() & index_mask;
        records_aside_.push_back(record);
        aside_.push_back(moved);
      } else {
        order_[stays++] = moved;
      }
    }
  }
  order_.resize(stays);
  return !aside_.empty();
}

// Ids are dense, and the records of an item mostly come in their sequence: putting each where its address belongs sorts
// them in time that is linear. False where the addresses are too far apart for that.
bool batch::sort_by_counting() {
  const auto [least, greatest] = std::minmax_element(
      order_.begin(), order_.end(), [](const entry& a, const entry& b) { return a.address < b.address; });
  const item_address first = least->address;
  if (greatest->address - first >= 4 * order_.size() + 1024) return false;  // the difference plus one may not fit
  const item_address range = greatest->address - first + 1;
  places_.assign(range + 1, 0);
  for (const entry& one : order_) ++places_[one.address - first + 1];
  for (std::size_t i = 1; i < places_.size(); ++i) places_[i] += places_[i - 1];
  sorted_.resize(order_.size());
  for (const entry& one : order_) sorted_[places_[one.address - first]++] = one;
  order_.swap(sorted_);
  return true;
}

batch::run batch::run_at(std::size_t first) const noexcept {
  run one{order_[first].address, first, first + 1};
  while (one.last < order_.size() && order_[one.last].address == one.address) ++one.last;
  return one;
}

}  // namespace pawl::core
