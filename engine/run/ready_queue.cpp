#include "run/ready_queue.hpp"

#include <algorithm>
#include <chrono>

namespace pawl::core {

bool ready_queue::take_now(std::size_t most, item_group& into) {
  const std::size_t before = into.size();
  if (!backing_off_.empty()) {
    const std::uint64_t now = clock_.now_ns();
    while (!backing_off_.empty() && into.size() - before < most &&
           (back_offs_over_ || backing_off_.front()->due_ns <= now)) {
      std::pop_heap(backing_off_.begin(), backing_off_.end(), later{});
      into.push_back(backing_off_.back());
      backing_off_.pop_back();
    }
  }
  acknowledged_.pop(most - (into.size() - before), into);
  // Fresh ones where there is little that is older, and then before any others are admitted.
  if (const std::size_t older = into.size() - before; older * 4 <= most * 3) fresh_.pop(most - older, into);
  return into.size() != before;
}

void ready_queue::set_pace(std::size_t items) noexcept {
  items = std::max<std::size_t>(items, 1);
  if (pace_.load(std::memory_order_relaxed) != items) pace_.store(items, std::memory_order_relaxed);
}

void ready_queue::take(std::size_t most, item_group& into) {
  const std::scoped_lock lock(mutex_);
  take_now(most, into);
  wake_for(acknowledged_.size() + fresh_.size(), true);
}

bool ready_queue::wait_and_take(std::size_t most, item_group& into, std::uint64_t epoch, std::uint64_t look_after_ns,
                                std::size_t all) {
  std::unique_lock lock(mutex_);
  ++idle_;
  bool alone = false;
  bool looks = false;
  while (wakes_.load(std::memory_order_relaxed) == epoch && !broken() && !take_now(most, into) && !looks) {
    if ((alone = idle_ == all)) break;
    const std::uint64_t now = clock_.now_ns();
    if (look_at_ns_ <= now) {
      look_at_ns_ = never;
      break;
    }
    const std::uint64_t due = next_due_ns();
    if (due <= now) continue;
    const std::uint64_t wait_ns = std::min(due - now, look_after_ns);
    const bool timed_out = changed_.wait_for(lock, std::chrono::nanoseconds(wait_ns)) == std::cv_status::timeout;
    looks = timed_out && wait_ns == look_after_ns;
  }
  --idle_;
  if (idle_ != 0 && next_due_ns() != never) changed_.notify_one();  // somebody must keep the time
  return alone;
}

std::uint64_t ready_queue::next_due_ns() const noexcept {
  return backing_off_.empty() ? look_at_ns_ : std::min(look_at_ns_, backing_off_.front()->due_ns);
}

void ready_queue::look_at(std::uint64_t due_ns) {
  const std::scoped_lock lock(mutex_);
  if (due_ns >= look_at_ns_) return;
  look_at_ns_ = due_ns;
  wake_for(1, false);
}

ready_queue::timers ready_queue::backing_off() {
  const std::scoped_lock lock(mutex_);
  return {backing_off_.size(), backing_off_.empty() ? never : backing_off_.front()->due_ns};
}

void ready_queue::push_fresh(std::span<active_item* const> items) {
  if (items.empty()) return;
  const std::scoped_lock lock(mutex_);
  fresh_.push(items);
  wake_for(items.size(), false);
}

void ready_queue::push_backing_off(active_item* item) {
  const std::scoped_lock lock(mutex_);
  backing_off_.push_back(item);
  std::push_heap(backing_off_.begin(), backing_off_.end(), later{});
  if (backing_off_.front() == item) wake_for(1, false);
}

void ready_queue::release_back_offs() {
  const std::scoped_lock lock(mutex_);
  back_offs_over_ = true;
  wakes_.fetch_add(1, std::memory_order_release);
  changed_.notify_all();
}

void ready_queue::wake_one() noexcept {
  const std::scoped_lock lock(mutex_);
  wakes_.fetch_add(1, std::memory_order_release);
  if (idle_ != 0) changed_.notify_one();
}

void ready_queue::wake_all() noexcept {
  const std::scoped_lock lock(mutex_);
  wakes_.fetch_add(1, std::memory_order_release);
  changed_.notify_all();
}

// `by_worker`: the caller is awake and takes its share.
void ready_queue::wake_for(std::size_t items, bool by_worker) noexcept {
  if (idle_ == 0 || items == 0) return;
  const std::size_t pace = pace_.load(std::memory_order_relaxed);
  std::size_t workers = (items - 1) / pace + (by_worker ? 0 : 1);
  if (workers >= idle_) changed_.notify_all();
  else for (; workers != 0; --workers) changed_.notify_one();
}

void ready_queue::acknowledged(const acknowledged_items& items, bool by_worker) noexcept {
  const std::scoped_lock lock(mutex_);
  acknowledged_.push(items.again);
  fresh_.push(items.fresh);
  wake_for(items.again.size() + items.fresh.size(), by_worker);
}

void ready_queue::log_failed() noexcept {
  const std::scoped_lock lock(mutex_);
  broken_.store(true, std::memory_order_release);
  wakes_.fetch_add(1, std::memory_order_release);
  changed_.notify_all();
}

bool step_gate::enter(active_item* item) {
  const std::scoped_lock lock(mutex_);
  if (inside_ < limit_) {
    ++inside_;
    return true;
  }
  parked_.push({&item, 1});
  return false;
}

active_item* step_gate::leave() {
  const std::scoped_lock lock(mutex_);
  --inside_;
  return parked_.pop();
}

void step_gate::drain(item_group& into) {
  const std::scoped_lock lock(mutex_);
  parked_.pop(parked_.size(), into);
}

}  // namespace pawl::core
