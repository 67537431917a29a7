#include "run/ready_queue.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace pawl::core {

bool ready_queue::take_now(std::size_t most, item_list& into) {
  const std::size_t before = into.count;
  if (!backing_off_.empty()) {
    const std::uint64_t now = clock_.now_ns();
    while (!backing_off_.empty() && into.count - before < most &&
           (back_offs_over_ || backing_off_.front()->due_ns <= now)) {
      std::pop_heap(backing_off_.begin(), backing_off_.end(), later{});
      into.push(backing_off_.back());
      backing_off_.pop_back();
    }
  }
  while (into.count - before < most && acknowledged_.first != nullptr) {
    active_item* item = acknowledged_.pop();
    (std::exchange(item->just_admitted, false) ? fresh_ : into).push(item);
  }
  // Fresh ones only where nothing older is to be done.
  if (into.count == before)
    while (fresh_.first != nullptr && into.count - before < most) into.push(fresh_.pop());
  return into.count != before;
}

std::uint64_t ready_queue::epoch() const {
  const std::scoped_lock lock(mutex_);
  return wakes_;
}

void ready_queue::take(std::size_t most, item_list& into) {
  const std::scoped_lock lock(mutex_);
  take_now(most, into);
}

void ready_queue::wait_and_take(std::size_t most, item_list& into, std::uint64_t epoch) {
  std::unique_lock lock(mutex_);
  ++idle_;
  while (wakes_ == epoch && !broken() && !take_now(most, into)) {
    if (backing_off_.empty()) {
      changed_.wait(lock);
    } else {
      const std::uint64_t now = clock_.now_ns();
      const std::uint64_t due = backing_off_.front()->due_ns;
      if (due > now) changed_.wait_for(lock, std::chrono::nanoseconds(std::min<std::uint64_t>(due - now, 1'000'000'000)));
    }
  }
  --idle_;
  if (idle_ != 0 && !backing_off_.empty()) changed_.notify_one();  // somebody must keep the time
}

void ready_queue::push_fresh(item_list&& items) {
  if (items.first == nullptr) return;
  const std::scoped_lock lock(mutex_);
  const std::size_t count = items.count;
  fresh_.append(std::move(items));
  wake_for(count);
}

void ready_queue::push_backing_off(active_item* item) {
  const std::scoped_lock lock(mutex_);
  backing_off_.push_back(item);
  std::push_heap(backing_off_.begin(), backing_off_.end(), later{});
  if (backing_off_.front() == item) wake_for(1);
}

void ready_queue::release_back_offs() {
  const std::scoped_lock lock(mutex_);
  back_offs_over_ = true;
  ++wakes_;
  changed_.notify_all();
}

void ready_queue::wake_all() noexcept {
  const std::scoped_lock lock(mutex_);
  ++wakes_;
  changed_.notify_all();
}

void ready_queue::wake_for(std::size_t items) noexcept {
  if (idle_ == 0) return;
  if (items >= idle_) changed_.notify_all();
  else for (std::size_t i = 0; i < items; ++i) changed_.notify_one();
}

void ready_queue::acknowledged(active_item* first, active_item* last, std::size_t count) noexcept {
  const std::scoped_lock lock(mutex_);
  acknowledged_.append({first, last, count});
  wake_for(count);
}

void ready_queue::log_failed() noexcept {
  const std::scoped_lock lock(mutex_);
  broken_.store(true, std::memory_order_release);
  ++wakes_;
  changed_.notify_all();
}

bool step_gate::enter(active_item* item) {
  const std::scoped_lock lock(mutex_);
  if (inside_ < limit_) {
    ++inside_;
    return true;
  }
  parked_.push(item);
  return false;
}

active_item* step_gate::leave() {
  const std::scoped_lock lock(mutex_);
  --inside_;
  return parked_.pop();
}

item_list step_gate::drain() {
  const std::scoped_lock lock(mutex_);
  item_list all = parked_;
  parked_ = {};
  return all;
}

}  // namespace pawl::core
