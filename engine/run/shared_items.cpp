#include "run/shared_items.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

namespace pawl::core {
namespace {

// With what it takes to notice a death and to take an item up, well within a second.
constexpr std::uint64_t beat_ns = 200'000'000;
constexpr std::size_t found_max = 4096;       // at one look
constexpr std::size_t windows_aside_max = 8;  // of the run
constexpr std::size_t items_a_worker_least = 2;

}  // namespace

shared_items::shared_items(claim_store& claims, run_state& run)
    : claims_(claims),
      run_(run),
      least_(std::min(items_a_worker_least * run.settings.workers, run.settings.window_items)),
      limit_(least_) {}

void shared_items::beat(std::uint64_t now_ns) noexcept {
  if (now_ns - beaten_ns_.load(std::memory_order_relaxed) < beat_ns) return;
  beaten_ns_.store(now_ns, std::memory_order_relaxed);
  due_.store(true, std::memory_order_release);
  if (run_.ready.idle() != 0) run_.ready.wake_one();
}

void shared_items::look() {
  due_.store(false, std::memory_order_release);
  pace();
  for (const departed_process& one : claims_.bury_dead())
    run_.logger.warn("event=process_gone pid={} items={} state=left_behind", one.pid, one.items);
  found_.clear();
  claims_.left_behind(run_.workflow.id, 0, found_max, found_);
  room_.assign(aside_.begin(), aside_.end());
  claims_.unclaimed(run_.workflow.id, room_, found_);
  std::sort(found_.begin(), found_.end(), std::greater<>());
  found_.erase(std::unique(found_.begin(), found_.end()), found_.end());
  tell();
}

// What ended within the last second is what may be in flight: so no item waits here for much longer than that.
void shared_items::pace() noexcept {
  paces_[pace_at_++ % paces_.size()] = std::exchange(ended_, 0);
  const std::size_t of_a_second = std::accumulate(paces_.begin(), paces_.end(), std::size_t{0});
  limit_.store(std::clamp(of_a_second, least_, run_.settings.window_items), std::memory_order_relaxed);
}

bool shared_items::next(item_id& into, bool& known) {
  if (found_.empty()) return false;
  into = found_.back();
  found_.pop_back();
  known = aside_.erase(into) != 0;
  tell();
  return true;
}

void shared_items::set_aside(item_id item) {
  aside_.insert(item);
  tell();
}

void shared_items::tell() {
  has_found_.store(!found_.empty(), std::memory_order_release);
  full_.store(aside_.size() >= windows_aside_max * run_.settings.window_items, std::memory_order_relaxed);
}

void shared_items::claim(std::span<claim_request> requests) {
  claims_.claim(run_.workflow.id, requests, released_);
  released_.clear();
}

void shared_items::end() {
  if (!released_.empty()) claim({});
}

}  // namespace pawl::core
