// A session: a workflow that stays open for what is submitted.
//
// It is a run whose source is a queue (run/submitted_items.hpp). With worker
// threads one of the engine's own threads is the caller of that run; without, the
// host's is, a slice at a time, in poll.
#pragma once

#include "run/session.hpp"
#include "run/submission.hpp"
#include "run/submitted_items.hpp"

#include <pawl/detail/erased.hpp>
#include <pawl/options.hpp>
#include <pawl/report.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>

namespace pawl::core {

// Throws pawl::error(io): a run could not have a thread.
[[noreturn]] void throw_no_thread(const std::system_error& failure);

// What a run of the engine holds from its beginning to its report: the name of its workflow, its place among the runs.
class begun_run {
public:
  virtual ~begun_run() = default;
  [[nodiscard]] virtual run_state& state() noexcept = 0;
  // What `work` does is the run; the log is told what came of it. Throws pawl::error.
  [[nodiscard]] virtual report conclude(const std::function<report()>& work) = 0;
};

class submit_session {
public:
  submit_session(std::unique_ptr<begun_run> begun, std::shared_ptr<submission_pool> pool, threads how);
  // Stops it, where it is not over.
  ~submit_session();
  submit_session(const submit_session&) = delete;
  submit_session& operator=(const submit_session&) = delete;

  [[nodiscard]] const detail::chain* chain() const noexcept { return &pool_->chain(); }
  // Empty where the window is full and the caller does not want to wait. Throws pawl::error: window_full where waiting
  // for room would be waiting for oneself, stopped, key_failed, too_large; what the input's constructor throws.
  [[nodiscard]] detail::submission_ref submit(const detail::erased_input& input, bool may_wait);
  [[nodiscard]] detail::submission_ref in_flight(std::string_view typed_key) { return queue_.find(typed_key); }
  // An unfinished item of the state becomes part of it. Waits and throws as submit.
  [[nodiscard]] detail::submission_ref take_up(std::string_view typed_key, item_id id);
  // Takes nothing more, waits until all has ended. Once, and not from within. Throws what the session failed with.
  [[nodiscard]] report close();
  // Ends it soon; whatever has not ended resolves as it is recorded.
  void stop() noexcept;

  // For the host's loop, one thread at a time: works until about `until_ns`; true where there is more to do. Throws,
  // once, what the session failed with.
  [[nodiscard]] bool work_until(std::uint64_t until_ns);
  [[nodiscard]] const submitted_items& items() const noexcept { return queue_; }

private:
  void reserve_or_throw();
  void work_to_the_end(const std::function<report()>& work);

  const threads how_;
  const std::shared_ptr<submission_pool> pool_;
  std::unique_ptr<begun_run> begun_;  // until it is over
  run_state* const run_;              // of it
  submitted_items queue_;
  std::atomic<bool> over_{false};     // report_ and failure_ stand
  std::atomic<bool> closing_{false};
  std::mutex run_mutex_;              // begun_ goes under it
  report report_;
  std::exception_ptr failure_;
  std::unique_ptr<hosted_session> hosted_;
  std::thread thread_;                // last: starts when the rest stands
};

}  // namespace pawl::core
