// The checkpoint log: lanes in, one commit after the other out.
//
// There is one *turn*. Whoever holds it gathers what all lanes have published,
// commits it through the backend, and hands back the items that waited for it;
// then the turn is free again. Two kinds of threads take it:
//
//   a worker      that has nothing else to do: commit_here(). It waits for the disk anyway, and so spares two hops
//                 between threads, which cost more than many a flush.
//   the committer a thread of the log's own, when it was asked to: ask(). So workers that have work go on while
//                 their records are flushed.
//
// Nobody is forgotten: whoever published something either takes the turn or asks, and asking is noted under the
// mutex under which the turn is given back. Who gives it back and finds that somebody asked meanwhile wakes the
// committer. So what gathers during a commit goes into the next one at once; no timer holds a commit back. One only looks
// for what nobody asked for, because a call that was expected to be fast has not returned: wait_for_work.
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

// Whoever waits for acknowledgements: a run. Called by whoever holds the turn, briefly.
class acknowledgement_sink {
public:
  // `by_worker`: one of its own workers has committed, who runs now what it can.
  virtual void acknowledged(const acknowledged_items& items, bool by_worker) noexcept = 0;
  // The log has failed; no more acknowledgements come.
  virtual void log_failed() noexcept = 0;

protected:
  ~acknowledgement_sink() = default;
};

class checkpoint_log {
public:
  // `has_committer` false: there is no such thread. Then ask() does nothing, and every worker commits what it published
  // when it has nothing else to do; commit_here waits for its turn.
  explicit checkpoint_log(backend& store, bool has_committer = true);
  // Commits what is published, then ends.
  ~checkpoint_log();

  // A lane whose acknowledgements go to `sink`; lives until close_lane. Any thread.
  // At most `window` items wait in all lanes of one sink together.
  [[nodiscard]] lane& open_lane(acknowledgement_sink& sink, std::size_t window);
  // Everything published in it must have been acknowledged, or the log have failed.
  void close_lane(lane& old);

  // The committer is to commit what the caller has published, after lane::finish, and will do so whatever the
  // caller does next. Costs a lock, and a system call where the committer sleeps: for groups of records. Any thread.
  void ask() noexcept;
  // Commits what is published in all lanes on the caller's thread; true where it did. False where nothing was,
  // where the log has failed, or where somebody else holds the turn: then this is the same as ask().
  // `mine`: the caller is one of its workers, or null.
  bool commit_here(const acknowledgement_sink* mine);

  // Runs `task` between two commits, on the committer's thread where there is one, and waits for it. Throws what it
  // throws.
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

  void loop();
  void wait_for_work(std::unique_lock<std::mutex>& lock);
  void run_tasks(std::unique_lock<std::mutex>& lock);
  bool commit_in_turn(std::unique_lock<std::mutex>& lock, const acknowledgement_sink* mine);
  void acknowledge(const acknowledgement_sink* mine);
  void fail(std::exception_ptr why);
  void give_back_turn() noexcept;
  void run_in_turn(std::unique_lock<std::mutex>& lock, const std::function<void()>& task);
  [[nodiscard]] bool anything_published() const;

  backend& store_;
  const bool has_committer_;
  mutable std::mutex mutex_;          // everything below but what belongs to the turn
  std::condition_variable changed_;   // for the committer; without one for whoever waits for the turn
  std::condition_variable task_done_;
  std::vector<std::unique_ptr<attached>> lanes_;
  std::vector<const std::function<void()>*> tasks_;
  std::vector<std::pair<const std::function<void()>*, std::exception_ptr>> finished_tasks_;
  std::exception_ptr failure_;
  std::atomic<bool> failed_{false};
  bool turn_taken_ = false;
  bool asked_ = false;                // since the last turn was taken
  bool ending_ = false;
  // Whoever holds the turn; reused:
  std::vector<std::span<const std::byte>> groups_;
  acknowledged_items acknowledged_;
  std::thread committer_;             // last: starts when the rest stands
};

}  // namespace pawl::core
