// A worker: takes items that can run, calls their steps, records what came of it.
//
// This is the item's state machine. One round takes a group of items and drives
// each as far as it goes without waiting: through its pure steps, up to the
// first checkpoint that must be durable before it may go on.
//
// It waits for the disk only where it has nothing else to do: then it commits
// what is recorded itself, if nobody else is at it. As long as it has work, the
// committer does that (run/checkpoint_log.hpp), who is asked once for a group of
// records: when the oldest has waited for about 100 us, and before anything that
// may take longer than that.
#pragma once

#include "flight/mark.hpp"
#include "run/admission.hpp"
#include "run/backoff.hpp"
#include "run/histogram.hpp"
#include "run/loop.hpp"
#include "run/resume.hpp"
#include "run/run_state.hpp"
#include "run/transaction_group.hpp"
#include "run/watch.hpp"

#include <pawl/context.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <exception>
#include <stop_token>
#include <string>
#include <vector>

namespace pawl::core {

// What a call may well take: learns quickly of slow ones, slowly of fast ones. Before the first it is slow.
class expected_time {
public:
  void add(std::uint64_t took_ns) noexcept {
    took_ns = std::min(took_ns, at_most_ns);
    if (!known_) ns_ = took_ns;
    else if (took_ns > ns_) ns_ += (took_ns - ns_) / 4;
    else ns_ -= (ns_ - took_ns) / 64;
    known_ = true;
  }
  [[nodiscard]] std::uint64_t ns() const noexcept { return ns_; }

private:
  static constexpr std::uint64_t at_most_ns = 200'000;  // it is enough to know that a call was slow
  std::uint64_t ns_ = at_most_ns;
  bool known_ = false;
};

struct step_counts {
  std::uint64_t completed = 0;
  std::uint64_t failures = 0;
  std::uint64_t retries = 0;
  std::uint64_t skips = 0;
  histogram times;  // of all calls
  expected_time expected;
};

class worker {
public:
  // `number`: among the run's workers.
  worker(run_state& run, admission& entry, lane& log_lane, std::size_t number, std::uint64_t seed);
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;

  // Calls are made by the thread that calls this, and those below, from now on.
  void take_thread() noexcept { mark_.take_thread(); }
  // Works until the run is finished, or its log has failed. Throws nothing that a step, codec or source threw.
  void work();
  // For a caller who owns the loop: works until there is nothing to do right now, or about until `until_ns`. True
  // where there is more to do. With `commits`, whatever waits for a commit is committed here when all else is done.
  [[nodiscard]] bool work_until(std::uint64_t until_ns, bool commits);

  // All that it wrote is acknowledged.
  void end() noexcept { loops_.release_acknowledged(); }

  // Needed where a step has a time-out.
  void set_watch(watch* watcher) noexcept { watch_ = watcher; }
  [[nodiscard]] attempt_timer& timer() noexcept { return timer_; }
  [[nodiscard]] const std::vector<step_counts>& counts() const noexcept { return counts_; }

private:
  // How a call ended. `stopped`: the step gave up because the run stops; it counts as never called.
  enum class call_end : std::uint8_t { completed, skipped, failed, failed_for_good, stopped };
  struct call_result {
    call_end end = call_end::completed;
    bool sticky = false;
    std::string reason;
    std::exception_ptr thrown;
    std::uint64_t ended_ns = 0;
    std::uint64_t took_ns = 0;
  };

  // Marks that an item is being executed, or several, while it lives; suspects have the turn to be alone.
  class marked_call;
  void wait_turn(bool suspect);
  void note_progress(const active_item& item);

  // Items ahead whose values are fetched into the caches; the items themselves are there by then.
  static constexpr std::size_t values_ahead = 4;

  // The parts of a round.
  [[nodiscard]] std::size_t group_size() const noexcept;
  void take_ready(std::size_t most);
  void sort_taken();
  void retire_ended();
  void keep_ends() noexcept;
  [[nodiscard]] bool admit(std::size_t most);
  void wait_for_work(std::size_t most, std::uint64_t epoch);
  void run_group();
  [[nodiscard]] bool calls_slowly(const active_item& item) const noexcept;
  void hand_back(std::size_t from);
  void run_group_until(std::uint64_t until_ns);

  void advance(active_item& item);
  // run/transact.cpp
  bool run_transactions();
  bool run_transactions_when_idle();
  void call_group(transaction_group& group, const transaction_group* before);
  [[nodiscard]] bool call_in_transaction(active_item& item, transaction_group& group);
  [[nodiscard]] bool begin_commit(transaction_group& group);
  void end_group(transaction_group& group);
  void give_up_group(transaction_group& group);
  void finish_transaction(active_item& item);
  // run/fan_out.cpp
  [[nodiscard]] bool waits_for_siblings(active_item& item);
  void start_fan(active_item& item);
  [[nodiscard]] bool end_fan(active_item& item);
  void skip_like_a_branch(const fan_out& of, step_kind kind);
  void make_fan_result(active_item& item, const fan_out& of, call_result& result);
  void call(active_item& item, const detail::erased_step& step, call_result& result);
  void call_function(const detail::erased_step& step, detail::call_frame& frame, call_result& result);
  static void note_thrown(call_result& result);
  void note_call(const active_item& item, const call_result& result);
  void settle_failure(active_item& item, const detail::erased_step& step, call_result& result);
  void give_up(active_item& item);
  [[nodiscard]] bool cancelled(active_item& item);
  void drain_gates();
  void leave_gate(std::size_t step);
  [[nodiscard]] bool may_begin(active_item& item, std::size_t step);
  [[nodiscard]] bool skip_instead(const active_item& item, const detail::erased_step& step, const call_result& result);

  // Of batches (run/batch_call.cpp).
  struct batch_work;
  void enter_batch(active_item& item);
  void call_due_batches();
  [[nodiscard]] bool call_incomplete_batch();
  void call_batch(std::size_t step);
  [[nodiscard]] std::size_t entries_to_call_singly(const batch_work& work, std::size_t step) const;
  void call_entries(batch_work& work, std::size_t first, std::size_t count);
  [[nodiscard]] bool call_batch_function(batch_work& work, std::size_t first, std::size_t count, call_result& result);
  void settle_entry(batch_work& work, std::size_t entry, call_result& result);

  // Each records one thing; true where the item goes on at once, in this worker's hands.
  [[nodiscard]] bool record_completed(active_item& item, const detail::erased_step& step, call_result& result);
  void record_end(active_item& item, item_state state, call_result& result);
  void record_retry(active_item& item, const detail::retry_policy& policy, call_result& result);
  [[nodiscard]] bool write_result(lane& into, active_item& item, const detail::erased_step& step, call_result& result);
  [[nodiscard]] checkpoint_header completed_header(active_item& item, const detail::erased_step& step,
                                                   const call_result& result) const;
  [[nodiscard]] bool records_result(const detail::erased_step& step, std::size_t number) const noexcept;
  void note_completed(active_item& item);
  void record_start(active_item& item);
  void record_and_wait(active_item& item, const checkpoint_header& header, std::string_view text);
  void finish_record(active_item* waiting, std::uint64_t now_ns);
  [[nodiscard]] checkpoint_header header_for(active_item& item, checkpoint_kind kind, const call_result& result) const;
  void account(active_item& item, std::size_t bytes) noexcept;
  void tell_counts() noexcept;

  // Records that nobody was asked to commit yet.
  void ask_for_commit() noexcept;
  [[nodiscard]] bool must_ask_before(std::size_t step) const noexcept;

  run_state& run_;
  admission& admission_;
  lane& lane_;
  std::atomic<double>& told_;
  watch* watch_ = nullptr;
  attempt_timer timer_;
  jitter_source jitter_;
  flight_mark mark_;
  resumer resume_;
  loop_runner loops_;
  const std::stop_token run_token_;
  std::vector<step_counts> counts_;
  item_group taken_;  // out of the queue, not looked at
  item_group group_;  // to be run in this round
  std::size_t own_ = 0;           // how many of them, the last ones, this worker has admitted in it;
  lane_position own_until_ = 0;   // their admissions are acknowledged where the lane is up to here
  item_group ended_;  // to be retired
  item_group let_out_;  // of a rate_gate
  // Of transactions: one that is called, one whose commit is under way. Made by the first one.
  std::array<std::unique_ptr<transaction_group>, 2> transaction_groups_;
  transaction* tx_ = nullptr;  // of the call under way
  acknowledged_items transaction_acknowledged_;
  detail::fan_call fan_call_;  // of the source called last
  item_group batch_;    // of a batch_gate, to be called
  item_group going_on_; // of a batch, to be driven further
  call_result result_;  // of the call under way; reused
  expected_time expected_;                // of the calls of all steps
  std::uint64_t now_ns_ = 0;              // when the last call or admission ended
  std::uint64_t look_after_ns_;           // while there is nothing to do
  std::uint64_t unasked_since_ns_ = 0;    // of the oldest such record; 0: there is none
  std::uint64_t steps_ = 0;               // completed, and not in the run's counts yet
  std::uint64_t bytes_change_ = 0;        // the same (it wraps where they have become fewer)
};

}  // namespace pawl::core
