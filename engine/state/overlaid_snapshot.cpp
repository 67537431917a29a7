#include "state/overlaid_snapshot.hpp"

#include "lmdb/catalogue.hpp"
#include "store/stored.hpp"
#include "store/workflows.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <string>

namespace pawl::core {

overlaid_snapshot::overlaid_snapshot(std::unique_ptr<lmdb_snapshot> base, unapplied over)
    : base_(std::move(base)), over_(std::move(over)) {
  over_.read(*base_);
}

void overlaid_snapshot::refresh() {
  base_->refresh();
  over_.read(*base_);
}

void overlaid_snapshot::show(item_address address, std::span<const std::byte> bytes, stored_item& into) {
  read_row(bytes, address, row_part::whole, row_);
  show_row(row_, item_of_address(address), into);
}

bool overlaid_snapshot::find(workflow_id workflow, std::string_view key, stored_item& into, bool whole) {
  if (const item_id* id = over_.id_of(workflow, key)) return load(workflow, *id, into);
  if (!base_->find(workflow, key, into, whole)) return false;
  const item_address address = address_of(workflow, into.id);
  if (const auto bytes = over_.row_of(address); !bytes.empty()) show(address, bytes, into);
  return true;
}

bool overlaid_snapshot::load(workflow_id workflow, item_id item, stored_item& into) {
  if (item >> item_bits != 0) return false;
  const item_address address = address_of(workflow, item);
  const auto bytes = over_.row_of(address);
  if (bytes.empty()) return base_->load(workflow, item, into);
  show(address, bytes, into);
  return true;
}

void overlaid_snapshot::scan(workflow_id workflow, item_id from, const item_state* state,
                             const std::function<bool(const stored_item&)>& each) {
  if (from >> item_bits != 0) return;
  auto next = over_.all().lower_bound(address_of(workflow, from));
  stored_item item;
  bool wanted = true;
  // Gives the rows that lie over the base's, up to this address; false where `each` has had enough.
  const auto give_up_to = [&](item_address last) {
    for (; wanted && next != over_.all().end() && next->first <= last; ++next) {
      show(next->first, next->second, item);
      if (state == nullptr || item.state == *state) wanted = each(item);
    }
    return wanted;
  };
  base_->scan(workflow, from, state, [&](const stored_item& below) {
    const item_address address = address_of(workflow, below.id);
    const bool hidden = !over_.row_of(address).empty();
    if (!give_up_to(address)) return false;
    if (!hidden) wanted = each(below);
    return wanted;
  });
  if (wanted) give_up_to(address_of(workflow, 0) | ((item_address{1} << item_bits) - 1));
}

void overlaid_snapshot::fetch(workflow_id workflow, const stored_item& item, const stored_payload& payload,
                              std::vector<std::byte>& into) {
  const item_address address = address_of(workflow, item.id);
  const auto bytes = over_.row_of(address);
  if (bytes.empty()) return base_->fetch(workflow, item, payload, into);
  row stored;
  read_row(bytes, address, row_part::whole, stored);
  const row_value* value = stored.value(payload.part);
  if (!payload.present || value == nullptr)
    throw error(errc::not_found, "inspect: item " + std::to_string(item.id) + " of workflow " + std::to_string(workflow) +
                                     " has no such value in this snapshot; load the item again");
  base_->fetch_value(address, *value, into);
}

workflow_counts overlaid_snapshot::count(workflow_id workflow) {
  const unapplied::difference* more = over_.difference_of(workflow);
  if (more == nullptr) return base_->count(workflow);
  const workflow_record record = read_workflow(base_->txn(), workflow);
  const auto changed = [&](std::uint64_t number, std::int64_t by) {
    const auto sum = static_cast<std::int64_t>(number) + by;
    if (sum < 0)
      throw error(errc::damaged, "inspect: the counters of workflow '" + record.name +
                                     "' contradict its items; run `pawl verify` on the state");
    return static_cast<std::uint64_t>(sum);
  };
  workflow_counts counts;
  counts.by_state = read_counters(base_->txn(), workflow)->by_state;
  for (std::size_t state = 0; state < counts.by_state.size(); ++state)
    counts.by_state[state] = changed(counts.by_state[state], more->by_state[state]);
  counts.completed.resize(record.revisions.back().steps.size());
  for (const chain_revision& revision : record.revisions) {
    std::vector<std::uint64_t> histogram = read_histogram(base_->txn(), workflow, revision.id);
    for (const auto& [at, by] : more->reached) {
      if (at.first != revision.id) continue;
      if (histogram.size() <= at.second) histogram.resize(at.second + std::size_t{1});
      histogram[at.second] = changed(histogram[at.second], by);
    }
    add_completed(record, revision, histogram, counts);
  }
  return counts;
}

std::vector<workflow_record> overlaid_snapshot::workflows() {
  std::vector<workflow_record> all = base_->workflows();
  for (workflow_record& one : all)
    if (const auto* more = over_.difference_of(one.id)) one.next_item = std::max(one.next_item, more->next_item);
  return all;
}

}  // namespace pawl::core
