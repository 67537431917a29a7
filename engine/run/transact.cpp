// Groups of transactional calls and their commits: the worker's part of it.
//
// The order, which engine/README.md explains:
//
//   turn -> snapshot -> [call, keep or undo its writes, write its checkpoint] for each -> commit
//
// Calls see the snapshot and what the group has written, all of it in memory. The
// checkpoints go into a lane of the group's own, which the commit takes together with
// the writes; they never pass through the journal. Until the commit has returned
// nothing of the items has changed.
//
// While a commit is under way the next group is called, where enough items wait: it
// also sees what the group in front has written. Its own commit begins when that one
// has returned; where that fails, nothing of either has happened. (Where several processes share the state a turn is one
// group, for they wait for it, too.)

#include "run/marked_call.hpp"
#include "run/worker.hpp"

#include <pawl/table.hpp>

#include <spdlog/spdlog.h>

#include <optional>
#include <utility>

namespace pawl::core {
namespace {

constexpr std::uint64_t results_of_a_group = std::uint64_t{16} << 20;  // bytes of records; one transaction takes them

}  // namespace

// True where a group was run.
bool worker::run_transactions() {
  if (!run_.transactions || run_.stopping()) return false;
  for (auto& one : transaction_groups_)
    if (!one) one = std::make_unique<transaction_group>(run_.store.large_threshold());
  transaction_group* now = transaction_groups_[0].get();
  if (!run_.transactions->begin(now->items)) return false;
  ask_for_commit();  // what is recorded is not to wait for it
  std::uint64_t began_ns = run_.time.now_ns();
  std::size_t groups = 1;
  const bool alone = run_.store.claims() == nullptr;
  std::optional<table_store::turn> turn;
  try {
    turn.emplace(*run_.store.tables(), [this] { return run_.stopping(); });
  } catch (...) {
    run_.fail(std::current_exception());
  }
  if (turn && *turn) {
    began_ns = run_.time.now_ns();
    transaction_group* committing = nullptr;
    for (;; ++groups) {
      call_group(*now, committing);
      if (committing != nullptr) end_group(*committing);
      committing = begin_commit(*now) ? now : nullptr;
      now = transaction_groups_[now == transaction_groups_[0].get() ? 1 : 0].get();
      if (!alone || committing == nullptr || run_.stopping() || !run_.transactions->next(now->items)) break;
    }
    if (committing != nullptr) end_group(*committing);
  } else {
    give_up_group(*now);
  }
  turn.reset();
  run_.transactions->end(began_ns, run_.time.now_ns(), groups);
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

// Calls the group's items, as many as one transaction holds; the others wait on. `before`: the group whose commit is under
// way, or null. What throws concerns the run.
void worker::call_group(transaction_group& group, const transaction_group* before) {
  std::size_t called = 0;
  group.any = false;
  try {
    // Everything that is recorded of these items lies in front of here, and the checkpoints must follow it.
    group.recorded = run_.store.recorded();
    group.tables.emplace(*run_.store.tables(), run_.known_tables, before != nullptr ? &before->tables->writes() : nullptr);
    const auto full = [&] { return group.tables->full() || group.checkpoints.pending() > results_of_a_group; };
    for (; called < group.items.size() && !run_.stopping() && !full(); ++called) {
      if (called + values_ahead < group.items.size()) prefetch_latest_value(run_.layout, *group.items[called + values_ahead]);
      if (call_in_transaction(*group.items[called], group)) group.any = true;
      else group.items[called] = nullptr;
    }
  } catch (...) {
    run_.fail(std::current_exception());
    give_up_group(group);
    return;
  }
  if (!run_.stopping()) {
    run_.transactions->put_back(std::span(group.items).subspan(called));
  } else {
    for (std::size_t i = called; i < group.items.size(); ++i) give_up(*group.items[i]);
  }
  group.items.resize(called);
}

void worker::give_up_group(transaction_group& group) {
  group.any = false;
  for (active_item* item : group.items)
    if (item != nullptr) give_up(*item);
  group.items.clear();
}

// False where there is nothing to commit.
bool worker::begin_commit(transaction_group& group) {
  if (!group.any) {
    group.items.clear();
    return false;
  }
  try {
    group.records.clear();
    group.position = group.checkpoints.gather(group.records);
    run_.store.tables()->begin_commit(group.tables->writes(), group.records, group.recorded);
    return true;
  } catch (...) {
    run_.fail(std::current_exception());
    give_up_group(group);
    return false;
  }
}

// Waits for the commit.
void worker::end_group(transaction_group& group) {
  try {
    run_.store.tables()->end_commit();
  } catch (...) {
    run_.fail(std::current_exception());
    give_up_group(group);
    return;
  }
  transaction_acknowledged_.clear();
  group.checkpoints.acknowledge(group.position, transaction_acknowledged_);
  for (active_item* item : group.items)
    if (item != nullptr) finish_transaction(*item);
  group.items.clear();
  run_.ready.acknowledged(transaction_acknowledged_, true);
}

// True where the call is part of the transaction. Otherwise nothing of it is, and the item is on its way elsewhere.
bool worker::call_in_transaction(active_item& item, transaction_group& group) {
  open_transaction& tables = *group.tables;
  const std::size_t number = item.step;
  const detail::erased_step& step = run_.chain->steps[number];
  const marked_call executing(*this, item);
  {
    transaction view(tables);
    tx_ = &view;
    call(item, step, result_);
    tx_ = nullptr;
  }
  note_call(item, result_);
  if (result_.end == call_end::completed) {
    group.checkpoints.begin(completed_header(item, step, result_), {});
    if (!records_result(step, number) || write_result(group.checkpoints, item, step, result_)) {
      group.checkpoints.finish(nullptr);
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
