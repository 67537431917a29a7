// What can run next: acknowledged items, then fresh ones, then back-offs that are over.
//
// Acknowledged items go before fresh ones, so slow chains run depth-first and
// items finish early. Work is handed over in groups: one lock for many items,
// and none of them is touched.
//
// To wake a worker costs as much as many a step. So one is woken for as many
// items as a worker runs in the time that it takes to be awake: all workers for
// a few slow steps, one for dozens of fast ones. That a call will be fast is a
// guess: whoever sleeps looks now and then by itself whether somebody who was to
// do it all is held up.
#pragma once

#include "run/checkpoint_log.hpp"
#include "run/clock.hpp"
#include "run/item.hpp"
#include "run/item_ring.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <limits>
#include <mutex>
#include <span>
#include <vector>

namespace pawl::core {

inline constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();  // a time

class ready_queue final : public acknowledgement_sink {
public:
  // `window`: how many items there are at most.
  ready_queue(clock& time, std::size_t window) : clock_(time), acknowledged_(window), fresh_(window) {}

  // So many items a worker runs in the time that it takes to wake another one; what is left beyond that is for others.
  void set_pace(std::size_t items) noexcept;
  // Adds at most `most` items to `into`; returns at once.
  void take(std::size_t most, item_group& into);
  // The same, but waits until there is an item, somebody called wake_all() since `epoch` was read, it is time to look
  // (look_at), or `look_after_ns` have passed. With `all` workers in all it does not wait where all others do: returns
  // true at once, having taken nothing.
  bool wait_and_take(std::size_t most, item_group& into, std::uint64_t epoch, std::uint64_t look_after_ns,
                     std::size_t all = 0);
  // One of those who wait is to return then, and to look at whatever it is that is due. Once, and the earliest counts.
  void look_at(std::uint64_t due_ns);
  // Read it *before* looking at whatever wake_all() announces.
  [[nodiscard]] std::uint64_t epoch() const noexcept { return wakes_.load(std::memory_order_acquire); }
  // Newly admitted items, items that got their place at a limited step, or such as were taken and not begun.
  void push_fresh(std::span<active_item* const> items);
  // An item whose next attempt is due at item->due_ns.
  void push_backing_off(active_item* item);
  // Back-offs count as over from now on: the run is stopping.
  void release_back_offs();
  // One who waits looks again, or whoever looks next.
  void wake_one() noexcept;
  // Everybody who waits looks again.
  void wake_all() noexcept;

  // Items that wait for their time, and when the first of them is due (never: there is none).
  struct timers {
    std::size_t count = 0;
    std::uint64_t first_due_ns = never;
  };
  [[nodiscard]] timers backing_off();
  // How many wait right now, or were woken and have not looked yet.
  [[nodiscard]] std::size_t idle() const noexcept { return idle_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool broken() const noexcept { return broken_.load(std::memory_order_acquire); }

  // acknowledgement_sink, on the thread that committed
  void acknowledged(const acknowledged_items& items, bool by_worker) noexcept override;
  void log_failed() noexcept override;

private:
  struct later {
    bool operator()(const active_item* a, const active_item* b) const noexcept { return a->due_ns > b->due_ns; }
  };
  [[nodiscard]] std::uint64_t next_due_ns() const noexcept;
  bool take_now(std::size_t most, item_group& into);
  void wake_for(std::size_t items, bool by_worker) noexcept;

  clock& clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  item_ring acknowledged_;
  item_ring fresh_;
  std::vector<active_item*> backing_off_;  // a heap, earliest first
  std::uint64_t look_at_ns_ = never;
  std::atomic<std::size_t> idle_{0};       // changed under the lock
  std::atomic<std::uint64_t> wakes_{0};    // changed under the lock
  std::atomic<std::size_t> pace_{1};
  bool back_offs_over_ = false;
  std::atomic<bool> broken_{false};
};

// A step's limit on calls at the same time.
class step_gate {
public:
  // `window`: how many items there are at most.
  step_gate(std::uint32_t limit, std::size_t window) : limit_(limit), parked_(window) {}
  // True: go ahead, and leave() afterwards. False: the item is parked here and handed out by a leave().
  bool enter(active_item* item);
  // A call ended. Returns the parked item that may go now, if any: it must be given to the queue, and it has
  // to enter again.
  [[nodiscard]] active_item* leave();
  // All that are parked go to the end of `into`: the run is stopping.
  void drain(item_group& into);

private:
  const std::uint32_t limit_;
  std::mutex mutex_;
  std::uint32_t inside_ = 0;
  item_ring parked_;
};

}  // namespace pawl::core
