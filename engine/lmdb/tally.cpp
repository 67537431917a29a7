#include "lmdb/tally.hpp"

#include <algorithm>
#include <string>

namespace pawl::core {

void tally::begin() noexcept {
  used_ = 0;
  latest_ = 0;
}

tally::counted_workflow& tally::touched(const transaction& txn, workflow_id workflow) {
  if (latest_ < used_ && workflows_[latest_].id == workflow) return workflows_[latest_];
  for (latest_ = 0; latest_ < used_; ++latest_)
    if (workflows_[latest_].id == workflow) return workflows_[latest_];
  const auto stored = read_counters(txn, workflow);
  if (!stored)
    throw error(errc::damaged, "lmdb: a checkpoint is of workflow " + std::to_string(workflow) + ", which " +
                                   txn.env().state().string() +
                                   " does not know: its record is gone; run `pawl verify` on the state, restore a backup");
  if (used_ == workflows_.size()) workflows_.emplace_back();
  counted_workflow& fresh = workflows_[used_++];
  fresh.id = workflow;
  fresh.counters = *stored;
  fresh.revisions_used = 0;
  return fresh;
}

std::uint64_t& tally::at_reached(const transaction& txn, counted_workflow& in, revision_id revision,
                                 std::uint16_t reached) {
  const auto end = in.revisions.begin() + static_cast<std::ptrdiff_t>(in.revisions_used);
  auto at = std::find_if(in.revisions.begin(), end, [&](const auto& one) { return one.revision == revision; });
  if (at == end) {
    auto stored = read_histogram(txn, in.id, revision);
    if (in.revisions_used == in.revisions.size()) in.revisions.emplace_back();
    at = in.revisions.begin() + static_cast<std::ptrdiff_t>(in.revisions_used++);
    at->revision = revision;
    at->histogram = std::move(stored);
  }
  if (at->histogram.size() <= reached) at->histogram.resize(reached + std::size_t{1});
  return at->histogram[reached];
}

void tally::take_one(const transaction& txn, std::uint64_t& from) {
  if (from == 0)
    throw error(errc::damaged, "lmdb: the counters in " + txn.env().state().string() +
                                   " contradict the items; run `pawl verify --repair` on it");
  --from;
}

void tally::change(const transaction& txn, item_address address, const counted_row& before, const counted_row& after) {
  counted_workflow& one = touched(txn, workflow_of_address(address));
  if (before == after) return;
  if (before.exists) {
    take_one(txn, one.counters.by_state[static_cast<std::size_t>(before.state)]);
    take_one(txn, at_reached(txn, one, before.revision, before.reached));
  } else {
    one.counters.next_item = std::max(one.counters.next_item, item_of_address(address) + 1);  // never goes back
  }
  if (!after.exists) return;
  ++one.counters.by_state[static_cast<std::size_t>(after.state)];
  ++at_reached(txn, one, after.revision, after.reached);
}

void tally::write(write_transaction& txn) const {
  for (std::size_t i = 0; i < used_; ++i) {
    const counted_workflow& one = workflows_[i];
    write_counters(txn, one.id, one.counters);
    for (std::size_t j = 0; j < one.revisions_used; ++j)
      write_histogram(txn, one.id, one.revisions[j].revision, one.revisions[j].histogram);
  }
}

}  // namespace pawl::core
