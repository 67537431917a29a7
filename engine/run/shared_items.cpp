#include "run/shared_items.hpp"

#include "flight/recorder.hpp"
#include "run/loop.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

namespace pawl::core {
namespace {

// With what it takes to notice a death and to take an item up, well within a second.
constexpr std::uint64_t beat_ns = 200'000'000;
constexpr std::uint64_t told_each_ns = 10'000'000'000;
constexpr std::size_t found_max = 4096;       // at one look
constexpr std::size_t windows_aside_max = 8;  // of the run
constexpr std::size_t items_a_worker_least = 2;
constexpr std::uint64_t settled_within_ns = 10'000'000'000;  // what a dead process was executing

// Enough for all workers to be busy, with full batches.
std::size_t items_at_least(const run_state& run) {
  std::size_t least = items_a_worker_least * run.settings.workers;
  for (const detail::erased_step& step : run.chain->steps)
    if (step.kind == step_kind::batch) least += step.batch.max_items * run.settings.workers;
  return std::min(least, run.settings.window_items);
}

}  // namespace

shared_items::shared_items(claim_store& claims, run_state& run)
    : claims_(claims),
      run_(run),
      least_(items_at_least(run)),
      limit_(least_) {
  claims_.begin_run();
}

// Where nobody came to look since the last beat, because the source lets us wait or all workers are busy, what others wait
// for is done here.
void shared_items::beat(std::uint64_t now_ns) {
  if (now_ns - beaten_ns_ < beat_ns) return;
  beaten_ns_ = now_ns;
  claims_.wake_who_waits();
  if (run_.flight != nullptr && ++beats_ % beats_a_second == 0) run_.flight->renew_memory_kills();
  if (due_.exchange(true, std::memory_order_acq_rel)) {
    try {
      tend(false);
    } catch (...) {
      run_.fail(std::current_exception());
    }
  }
  if (run_.ready.idle() != 0) run_.ready.wake_one();
}

// Whoever claims may have to wait for another process, and the watch not for him.
void shared_items::tend(bool may_wait) {
  {
    std::unique_lock turn(claiming_, std::defer_lock);
    if (may_wait) turn.lock();
    else if (!turn.try_lock()) return;
    if (const auto released = take_released(); !released.empty()) claims_.claim(run_.workflow.id, {}, released);
  }
  for (const departed_process& one : claims_.bury_dead([this](std::uint64_t number) { return settle_dead(number); }))
    run_.logger.log(one.items != 0 ? spdlog::level::warn : spdlog::level::info,
                    "event=process_gone pid={} items={} state=left_behind", one.pid, one.items);
}

// What it was executing is known before anybody takes up what it had. False where that is to be tried again.
bool shared_items::settle_dead(std::uint64_t number) {
  std::vector<std::string> told;
  const bool known = run_.flight == nullptr || run_.flight->take_in_dead(number, told);
  const std::uint64_t now_ns = run_.time.now_ns();
  bool is_first = true;
  bool is_last = false;
  {
    const std::scoped_lock lock(releasing_);
    if (known) {
      unsettled_.erase(number);
    } else {
      const auto [since, added] = unsettled_.emplace(number, now_ns);
      is_first = added;
      is_last = now_ns - since->second > settled_within_ns;
      if (is_last) unsettled_.erase(since);
    }
  }
  if (known || is_first || is_last)
    for (const std::string& one : told) run_.logger.warn("{}", one);
  if (!known && !is_last) return false;
  if (run_.slots != nullptr) remove_slots_of_dead(run_, number);
  return true;
}

void shared_items::look() {
  due_.store(false, std::memory_order_release);
  pace();
  tend(true);
  found_.clear();
  claims_.left_behind(run_.workflow.id, look_from_, found_max, found_);
  look_from_ = found_.size() == found_max ? found_.back() + 1 : 0;
  room_.assign(aside_.begin(), aside_.end());
  claims_.unclaimed(run_.workflow.id, room_, found_);
  std::sort(found_.begin(), found_.end(), std::greater<>());
  found_.erase(std::unique(found_.begin(), found_.end()), found_.end());
  tell();
  tell_of_others();
}

// What ended within the last second is what may be in flight, beside those that wait for their next attempt: so no item
// waits here for much longer than that.
void shared_items::pace() {
  paces_[pace_at_++ % paces_.size()] = std::exchange(ended_, 0);
  const std::size_t of_a_second = std::accumulate(paces_.begin(), paces_.end(), std::size_t{0});
  const std::size_t wanted = std::max(of_a_second, least_) + run_.ready.backing_off().count;
  limit_.store(std::min(wanted, run_.settings.window_items), std::memory_order_relaxed);
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

// A run that seems to stand still says what it waits for.
void shared_items::tell_of_others() {
  const std::uint64_t now_ns = run_.time.now_ns();
  const bool idle = std::all_of(paces_.begin(), paces_.end(), [](std::size_t ended) { return ended == 0; });
  if (told_ns_ == 0 || aside_.empty() || !idle) told_ns_ = now_ns;
  if (now_ns - told_ns_ < told_each_ns) return;
  told_ns_ = now_ns;
  run_.logger.info("event=waits_for_other_processes workflow={} items={}", run_.chain->name, aside_.size());
}

void shared_items::release(item_id item) {
  const std::scoped_lock lock(releasing_);
  released_.push_back(item);
}

// Whoever releases because the run is being stopped does so behind the stop, and so is seen here to be one.
std::vector<item_id> shared_items::take_released() {
  const std::scoped_lock lock(releasing_);
  if (run_.stopping()) return {};
  return std::exchange(released_, {});
}

void shared_items::claim(std::span<claim_request> requests) {
  const std::scoped_lock turn(claiming_);
  claims_.claim(run_.workflow.id, requests, take_released());
}

void shared_items::end_of_run(bool all) {
  const std::scoped_lock lock(releasing_);
  if (all) claims_.release_all(run_.workflow.id);
  else if (!released_.empty()) claims_.claim(run_.workflow.id, {}, released_);
  released_.clear();
}

}  // namespace pawl::core
