// The source of a session: what is submitted while it is open.
//
// A queue of inputs that any thread puts in and admission takes out, and the keys
// of all that are in it or in flight: whoever submits one of those gets the
// submission that is there. So many that have not resolved fit as the window
// holds; beyond that, whoever submits waits or is refused.
#pragma once

#include "run/key_table.hpp"
#include "run/submission.hpp"

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace pawl::core {

class submitted_items {
public:
  // `run` must live until end().
  submitted_items(run_state& run, std::shared_ptr<submission_pool> pool);

  // ---- whoever submits; any thread ----

  // A place for one more. False where there is none; `may_wait`: waits for one instead.
  // Throws pawl::error(stopped) where nothing is taken any more.
  [[nodiscard]] bool reserve(bool may_wait);
  // Constructs the input in the reserved place, reads its key and hands it in. Returns, with a hold for the caller, it
  // or what is there of the same key already. Throws what the input's constructor throws, and pawl::error.
  [[nodiscard]] detail::submission_ref add(const detail::erased_input& input);
  // The same for an item of the state, without an input.
  [[nodiscard]] detail::submission_ref add(std::string_view typed_key, item_id id);
  // What is there of this key; empty where nothing is.
  [[nodiscard]] detail::submission_ref find(std::string_view typed_key);

  // Nothing more is taken; what was is finished.
  void close(std::string_view why);
  // The session is over: whatever has not resolved does now, as it is recorded. `why`: null where it was stopped.
  void end(const std::exception_ptr& why);

  // ---- admission ----

  // The next one, in whose place its item now stands; null where there is none.
  [[nodiscard]] submission* take();
  [[nodiscard]] bool closed() const noexcept { return closed_.load(std::memory_order_acquire); }
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.load(std::memory_order_acquire); }
  // These have ended: room is made, and they resolve. Outside of all locks, for callbacks are called.
  void resolve_all(submission_list ended);

  // Those that have not resolved.
  [[nodiscard]] std::size_t in_flight() const noexcept { return in_flight_.load(std::memory_order_relaxed); }
  // Those that have, ever.
  [[nodiscard]] std::uint64_t ended() const noexcept { return ended_.load(std::memory_order_relaxed); }

private:
  void check_open() const;
  void give_up_place();
  void free_places(std::size_t count);
  [[nodiscard]] detail::submission_ref publish(submission* fresh);

  run_state& run_;
  const std::shared_ptr<submission_pool> pool_;
  const std::size_t window_;
  mutable std::mutex mutex_;
  std::condition_variable room_;
  std::size_t waiting_for_room_ = 0;
  std::size_t places_ = 0;                 // reserved, queued or in flight
  std::string closed_because_;
  basic_key_table<submission> keys_;
  std::vector<submission*> queue_;         // a ring of window_
  std::size_t queue_at_ = 0;
  std::atomic<std::size_t> waiting_{0};    // in it
  std::atomic<std::size_t> in_flight_{0};
  std::atomic<std::uint64_t> ended_{0};
  std::atomic<bool> closed_{false};
};

}  // namespace pawl::core
