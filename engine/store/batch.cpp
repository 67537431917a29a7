#include "store/batch.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <limits>

namespace pawl::core {
namespace {

bool well_formed(const std::byte* at, std::size_t left) noexcept {
  if (left < sizeof(checkpoint_header)) return false;
  const checkpoint_header& header = *checkpoint_at(at).header;
  const std::uint64_t used = sizeof header + std::uint64_t{header.text_size} + header.payload_size;
  return header.size % 8 == 0 && used <= header.size && header.size <= left && header.item >> item_bits == 0;
}

}  // namespace

void batch::gather_group(std::span<const std::byte> group) {
  for (std::size_t at = 0; at < group.size();) {
    const std::byte* record = group.data() + at;
    if (!well_formed(record, group.size() - at) || records_.size() == std::numeric_limits<std::uint32_t>::max())
      throw error(errc::bad_argument, "store: a group of checkpoints is malformed; nothing of its batch was recorded");
    const checkpoint_header& header = *checkpoint_at(record).header;
    order_.push_back(
        {address_of(header.workflow, header.item), header.sequence, static_cast<std::uint32_t>(records_.size())});
    records_.push_back(record);
    at += header.size;
  }
  bytes_ += group.size();
}

void batch::gather(std::span<const std::span<const std::byte>> groups) {
  records_.clear();
  order_.clear();
  bytes_ = 0;
  for (const auto group : groups) gather_group(group);
  if (std::is_sorted(order_.begin(), order_.end())) return;
  if (sort_by_counting() && std::is_sorted(order_.begin(), order_.end())) return;
  std::sort(order_.begin(), order_.end());
}

// Ids are dense, and the records of an item mostly come in their sequence: putting each where its address belongs sorts
// them in time that is linear. False where the addresses are too far apart for that.
bool batch::sort_by_counting() {
  const auto [least, greatest] = std::minmax_element(
      order_.begin(), order_.end(), [](const entry& a, const entry& b) { return a.address < b.address; });
  const item_address first = least->address;
  const item_address range = greatest->address - first + 1;
  if (range > 4 * order_.size() + 1024) return false;
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
