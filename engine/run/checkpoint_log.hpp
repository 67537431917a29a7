// The checkpoint log: lanes in, one commit after the other out.
//
// One thread, the committer, takes whatever the lanes have published, commits it
// through the backend and hands back the items that waited for it. A commit
// takes what gathered while the last one ran: no timers, no added delay for a
// lone item. All calls that write to the backend happen on this thread.
//
// When a commit fails the log fails for good: nothing is acknowledged any more,
// every run is told, and what was not acknowledged is done again after a reopen.
#pragma once

#include "run/lane.hpp"
#include "store/backend.hpp"

#include <atomic>
#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace pawl::core {

// Whoever waits for acknowledgements: a run. Called on the committer's thread, briefly.
class acknowledgement_sink {
public:
  // A list of `count` items linked by active_item::next, oldest first.
  virtual void acknowledged(active_item* first, active_item* last, std::size_t count) noexcept = 0;
  // The log has failed; no more acknowledgements come.
  virtual void log_failed() noexcept = 0;

protected:
  ~acknowledgement_sink() = default;
};

class checkpoint_log {
public:
  explicit checkpoint_log(backend& store);
  // Commits what is published, then ends.
  ~checkpoint_log();

  // A lane whose acknowledgements go to `sink`; lives until close_lane. Any thread.
  [[nodiscard]] lane& open_lane(acknowledgement_sink& sink, std::size_t window);
  // Everything published in it must have been acknowledged, or the log have failed.
  void close_lane(lane& old);

  // After lane::finish, by the worker: lets the committer know, at the cost of a fence where it is awake.
  void published() noexcept {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (asleep_.load(std::memory_order_relaxed)) wake();
  }

  // Runs `task` on the committer's thread between two commits and waits for it. Throws what it throws.
  void between_commits(const std::function<void()>& task);

  // Why the log failed; null while it has not. Any thread.
  [[nodiscard]] std::exception_ptr failure() const;
  [[nodiscard]] bool failed() const noexcept { return failed_.load(std::memory_order_acquire); }

private:
  struct attached {
    std::unique_ptr<lane> bytes;
    acknowledgement_sink* sink;
    lane_position gathered = 0;
  };

  void wake() noexcept;
  void loop();
  bool commit_once();
  void sleep_until_published();
  [[nodiscard]] bool anything_published();
  void run_tasks(std::unique_lock<std::mutex>& lock);

  backend& store_;
  mutable std::mutex mutex_;          // lanes_, tasks_, failure_, ending_
  std::condition_variable changed_;
  std::condition_variable task_done_;
  std::vector<std::unique_ptr<attached>> lanes_;
  std::vector<const std::function<void()>*> tasks_;
  std::vector<std::pair<const std::function<void()>*, std::exception_ptr>> finished_tasks_;
  std::exception_ptr failure_;
  bool ending_ = false;
  std::atomic<bool> asleep_{false};
  std::atomic<bool> failed_{false};
  std::vector<std::span<const std::byte>> groups_;  // committer's, reused
  std::thread committer_;             // last: starts when the rest stands
};

}  // namespace pawl::core
