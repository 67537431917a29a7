// A group of transactional calls and its commit: the worker's part of it.
//
// The order, which engine/README.md explains:
//
//   turn -> snapshot -> [call, keep or undo its writes, write its checkpoint] for each -> commit
//
// Calls see the snapshot and what the group has written, all of it in memory. The
// checkpoints go into a lane of their own, which the commit takes together with
// the writes; they never pass through the journal. Until the commit has returned
// nothing of the items has changed.

#include "run/worker.hpp"

#include <pawl/table.hpp>

#include <spdlog/spdlog.h>

#include <utility>

namespace pawl::core {

// True where a group was run.
bool worker::run_transactions() {
  if (!run_.transactions || run_.stopping() || !run_.transactions->begin(transaction_)) return false;
  ask_for_commit();  // what is recorded is not to wait for it
  const std::uint64_t began_ns = run_.time.now_ns();
  std::size_t called = 0;
  try {
    called = run_transaction();
  } catch (...) {
    called = 0;
    run_.fail(std::current_exception());
  }
  for (; called < transaction_.size() && run_.stopping(); ++called)
    if (transaction_[called] != nullptr) give_up(*transaction_[called]);
  run_.transactions->end(std::span(transaction_).subspan(called), began_ns, run_.time.now_ns());
  transaction_.clear();
  tell_counts();
  return true;
}

// There is nothing else to do. As long as records of this worker's are under way, their items come soon, and a larger
// group costs no more than a small one: whoever takes them up looks again.
bool worker::run_transactions_when_idle() {
  if (!run_.transactions) return false;
  if (lane_.pending() != 0 && !run_.transactions->is_due(run_.time.now_ns())) return false;
  return run_transactions();
}

// Calls the items of transaction_ and commits; returns how many were called. What throws concerns the run. Items that it
// has handed on are null.
std::size_t worker::run_transaction() {
  table_store& store = *run_.store.tables();
  const table_store::turn turn(store);
  // Everything that is recorded of these items lies in front of here, and the checkpoints must follow it.
  const log_position recorded = run_.store.recorded();
  open_transaction tables(store, run_.known_tables);
  if (!transaction_lane_) transaction_lane_ = std::make_unique<lane>(1, run_.store.large_threshold());
  std::size_t called = 0;
  std::size_t completed = 0;
  for (; called < transaction_.size() && !run_.stopping() && !tables.full(); ++called) {
    if (called + values_ahead < transaction_.size()) prefetch_latest_value(run_.layout, *transaction_[called + values_ahead]);
    if (call_in_transaction(*transaction_[called], tables)) ++completed;
    else transaction_[called] = nullptr;
  }
  if (completed == 0) return called;
  transaction_groups_.clear();
  const lane_position position = transaction_lane_->gather(transaction_groups_);
  store.commit_tables(tables.writes(), transaction_groups_, recorded);
  transaction_acknowledged_.clear();
  transaction_lane_->acknowledge(position, transaction_acknowledged_);
  for (std::size_t i = 0; i < called; ++i)
    if (transaction_[i] != nullptr) finish_transaction(*transaction_[i]);
  run_.ready.acknowledged(transaction_acknowledged_, true);
  return called;
}

// True where the call is part of the transaction. Otherwise nothing of it is, and the item is on its way elsewhere.
bool worker::call_in_transaction(active_item& item, open_transaction& tables) {
  const std::size_t number = item.step;
  const detail::erased_step& step = run_.chain->steps[number];
  {
    transaction view(tables);
    tx_ = &view;
    call(item, step, result_);
    tx_ = nullptr;
  }
  note_call(item, result_);
  if (result_.end == call_end::completed) {
    transaction_lane_->begin(completed_header(item, step, result_), {});
    if (!records_result(step, number) || write_result(*transaction_lane_, item, step, result_)) {
      transaction_lane_->finish(nullptr);
      tables.keep();
      return true;
    }
    tables.undo();
    return false;
  }
  tables.undo();
  switch (result_.end) {
    case call_end::skipped:
      ++counts_[number].skips;
      record_end(item, item_state::skipped, result_);
      break;
    case call_end::failed:
    case call_end::failed_for_good: settle_failure(item, step, result_); break;
    default: give_up(item); break;
  }
  return false;
}

// The commit has returned: the item is past the step.
void worker::finish_transaction(active_item& item) {
  note_completed(item);
  if (item.ended) ended_.push_back(&item);
  else transaction_acknowledged_.again.push_back(&item);
}

}  // namespace pawl::core
