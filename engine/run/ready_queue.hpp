// What can run next: acknowledged items, then fresh ones, then back-offs that are over.
//
// Acknowledged items go before fresh ones, so slow chains run depth-first and
// items finish early. Work is handed over in groups: one lock for many items.
#pragma once

#include "run/checkpoint_log.hpp"
#include "run/clock.hpp"
#include "run/item.hpp"

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

namespace pawl::core {

// Items linked by `next`.
struct item_list {
  active_item* first = nullptr;
  active_item* last = nullptr;
  std::size_t count = 0;

  void push(active_item* item) noexcept {
    item->next = nullptr;
    (last == nullptr ? first : last->next) = item;
    last = item;
    ++count;
  }
  void append(item_list&& other) noexcept {
    if (other.first == nullptr) return;
    (last == nullptr ? first : last->next) = other.first;
    last = other.last;
    count += other.count;
    other = {};
  }
  active_item* pop() noexcept {
    active_item* item = first;
    if (item == nullptr) return nullptr;
    first = item->next;
    if (first == nullptr) last = nullptr;
    --count;
    item->next = nullptr;
    return item;
  }
};

class ready_queue final : public acknowledgement_sink {
public:
  explicit ready_queue(clock& time) : clock_(time) {}

  // Moves at most `most` items to `into`; returns at once.
  void take(std::size_t most, item_list& into);
  // The same, but waits until there is an item or somebody called wake_all() since `epoch` was read.
  void wait_and_take(std::size_t most, item_list& into, std::uint64_t epoch);
  // Read it *before* looking at whatever wake_all() announces.
  [[nodiscard]] std::uint64_t epoch() const;
  // Newly admitted items, or items that got their place at a limited step.
  void push_fresh(item_list&& items);
  // An item whose next attempt is due at item->due_ns.
  void push_backing_off(active_item* item);
  // Back-offs count as over from now on: the run is stopping.
  void release_back_offs();
  // Everybody who waits looks again.
  void wake_all() noexcept;

  [[nodiscard]] bool broken() const noexcept { return broken_.load(std::memory_order_acquire); }

  // acknowledgement_sink, on the committer's thread
  void acknowledged(active_item* first, active_item* last, std::size_t count) noexcept override;
  void log_failed() noexcept override;

private:
  struct later {
    bool operator()(const active_item* a, const active_item* b) const noexcept { return a->due_ns > b->due_ns; }
  };
  bool take_now(std::size_t most, item_list& into);
  void wake_for(std::size_t items) noexcept;

  clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  item_list acknowledged_;
  item_list fresh_;
  std::vector<active_item*> backing_off_;  // a heap, earliest first
  std::size_t idle_ = 0;
  std::uint64_t wakes_ = 0;
  bool back_offs_over_ = false;
  std::atomic<bool> broken_{false};
};

// A step's limit on calls at the same time.
class step_gate {
public:
  explicit step_gate(std::uint32_t limit) : limit_(limit) {}
  // True: go ahead, and leave() afterwards. False: the item is parked here and handed out by a leave().
  bool enter(active_item* item);
  // A call ended. Returns the parked item that may go now, if any: it must be given to the queue, and it has
  // to enter again.
  [[nodiscard]] active_item* leave();
  // All that are parked: the run is stopping.
  [[nodiscard]] item_list drain();

private:
  const std::uint32_t limit_;
  std::mutex mutex_;
  std::uint32_t inside_ = 0;
  item_list parked_;
};

}  // namespace pawl::core
