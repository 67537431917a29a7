// A worker: takes items that can run, calls their steps, records what came of it.
//
// This is the item's state machine. One turn takes a group of items and drives
// each as far as it goes without waiting: through its pure steps, up to the
// first checkpoint that must be durable before it may go on. It never waits for
// the disk.
#pragma once

#include "run/admission.hpp"
#include "run/backoff.hpp"
#include "run/histogram.hpp"
#include "run/resume.hpp"
#include "run/run_state.hpp"
#include "run/watch.hpp"

#include <pawl/context.hpp>

#include <cstdint>
#include <exception>
#include <stop_token>
#include <string>
#include <vector>

namespace pawl::core {

struct step_counts {
  std::uint64_t completed = 0;
  std::uint64_t failures = 0;
  std::uint64_t retries = 0;
  std::uint64_t skips = 0;
  histogram times;  // of all calls
};

class worker {
public:
  // `number`: among the run's workers.
  worker(run_state& run, admission& entry, lane& log_lane, std::size_t number, std::uint64_t seed);
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;

  // Works until the run is finished, or its log has failed. Throws nothing that a step, codec or source threw.
  void work();

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

  void advance(active_item& item);
  void call(active_item& item, const detail::erased_step& step, call_result& result);
  void call_function(const detail::erased_step& step, detail::call_frame& frame, call_result& result);
  void settle_failure(active_item& item, const detail::erased_step& step, call_result& result);
  void give_up(active_item& item);
  void drain_gates();
  void retire_ended(bool worked);
  [[nodiscard]] bool skip_instead(const active_item& item, const detail::erased_step& step, const call_result& result);
  // Each records one thing; true where the item goes on at once, in this worker's hands.
  [[nodiscard]] bool record_completed(active_item& item, const detail::erased_step& step, call_result& result);
  void record_end(active_item& item, item_state state, call_result& result);
  void record_retry(active_item& item, const detail::retry_policy& policy, call_result& result);
  [[nodiscard]] checkpoint_header header_for(active_item& item, checkpoint_kind kind, const call_result& result) const;
  void leave_gate(std::size_t step);
  void account(active_item& item, std::size_t bytes) noexcept;
  [[nodiscard]] std::size_t group_size() const noexcept;

  run_state& run_;
  admission& admission_;
  lane& lane_;
  std::atomic<double>& told_;
  watch* watch_ = nullptr;
  attempt_timer timer_;
  jitter_source jitter_;
  resumer resume_;
  const std::stop_token run_token_;
  std::vector<step_counts> counts_;
  item_list ended_;
  double call_ns_ = 100'000;  // what a call takes, as a moving average: sizes the groups
  std::uint64_t steps_ = 0;   // completed in this turn
};

}  // namespace pawl::core
