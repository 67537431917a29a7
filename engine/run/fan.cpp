#include "run/fan.hpp"

#include "record/key.hpp"
#include "run/run_state.hpp"

#include <algorithm>

namespace pawl::core {
namespace {

constexpr std::size_t gathered_at_most = 1024;

}  // namespace

fan_queue::fan_queue(run_state& run, const detail::fan_rule& rule)
    : run_(run),
      rule_(rule),
      gather_items_max_(std::min(gathered_at_most, run.settings.window_items / 2)),
      gather_bytes_max_(run.settings.window_bytes / 2) {}

fan_stage fan_queue::first_stage() const noexcept {
  return rule_.reproducible || !run_.records ? fan_stage::running : fan_stage::gathering;
}

bool fan_queue::push(const std::shared_ptr<fan_out>& of, std::size_t number) {
  {
    const std::scoped_lock lock(mutex_);
    if (over_) return false;
    fan* const one = of->fans[number].get();
    one->place = open_.size();
    open_.emplace_back(of, one);
    waiting_.push_back(one);
  }
  run_.ready.wake_one();
  return true;
}

void fan_queue::close() {
  {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
  }
  run_.ready.wake_all();
}

void fan_queue::wait() {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return over_; });
}

// One that waits and whose source is closed has children that are recorded (page_ended takes it out when it has none).
bool fan_queue::can_pull(const fan& of) noexcept { return of.source != nullptr || of.stage == fan_stage::running; }

fan* fan_queue::front() {
  const std::scoped_lock lock(mutex_);
  return !waiting_.empty() && can_pull(*waiting_.front()) ? waiting_.front() : nullptr;
}

bool fan_queue::closed() const {
  const std::scoped_lock lock(mutex_);
  return closed_;
}

bool fan_queue::has_some() const {
  const std::scoped_lock lock(mutex_);
  return waiting_.empty() ? closed_ : can_pull(*waiting_.front());
}

void fan_queue::began(fan& of, active_item& child) {
  child.child_of = &of;
  const std::scoped_lock lock(mutex_);
  ++of.out;
}

bool fan_queue::gathers_too_much(const fan& of) const {
  return of.stage == fan_stage::gathering && (of.given > gather_items_max_ || of.bytes > gather_bytes_max_);
}

void fan_queue::only_record(fan& of) {
  const std::scoped_lock lock(mutex_);
  of.stage = fan_stage::recording;
  run_.ready.push_fresh(of.gathered);
  of.gathered.clear();
}

void fan_queue::end_source(fan& of, std::uint64_t vanished) {
  std::unique_lock lock(mutex_);
  of.ended.vanished = vanished;
  close_source(of, lock);
}

void fan_queue::break_off(fan& of, std::string reason, std::exception_ptr thrown) {
  std::unique_lock lock(mutex_);
  if (!of.broken) {
    of.broken = true;
    of.broken_because = std::move(reason);
    of.thrown = std::move(thrown);
  }
  close_source(of, lock);
}

// It gives no more: another item may fan out, and those that gather may be all.
void fan_queue::close_source(fan& of, std::unique_lock<std::mutex>& lock) {
  std::unique_ptr<detail::child_source> source = std::move(of.source);
  if (source == nullptr) return;
  lock.unlock();
  source.reset();  // the user's: not under the lock, and before its item goes on
  lock.lock();
  if (of.of.sources_open.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    run_state& parents = of.of.run;
    const auto& gate = parents.gates[of.of.item.step];
    active_item* next = gate ? gate->leave() : nullptr;
    if (next != nullptr) parents.ready.push_fresh({&next, 1});
  }
  if (of.stage != fan_stage::recording || of.broken) forget_waiting(of);
  go_on(of);
}

std::optional<item_id> fan_queue::take_recorded(fan& of) {
  const std::scoped_lock lock(mutex_);
  const std::optional<item_id> first = of.recorded.take_first();
  if (first) ++of.out;
  return first;
}

void fan_queue::lost(fan& of, std::string_view why) {
  const std::scoped_lock lock(mutex_);
  --of.out;
  ++of.ended.failed;
  if (of.failure.empty()) of.failure = why;
}

void fan_queue::page_ended(fan& of) {
  const std::scoped_lock lock(mutex_);
  if (!of.recorded.empty()) return;
  forget_waiting(of);
  go_on(of);
}

void fan_queue::left(active_item& child) {
  fan& of = *std::exchange(child.child_of, nullptr);
  const std::scoped_lock lock(mutex_);
  --of.out;
  switch (child.exit) {
    case child_exit::recorded: of.recorded.insert(child.id); break;
    case child_exit::uncounted: break;
    case child_exit::as_it_is:
      switch (child.state) {
        case item_state::done: ++of.ended.done; break;
        case item_state::failed: ++of.ended.failed; break;
        case item_state::skipped: ++of.ended.skipped; break;
        case item_state::pending:
        case item_state::in_progress: ++of.given_up; break;
      }
  }
  go_on(of);
}

child_turn fan_queue::ask(active_item& child) {
  const std::scoped_lock lock(mutex_);
  fan& of = *child.child_of;
  switch (of.stage) {
    case fan_stage::gathering:
      of.gathered.push_back(&child);
      go_on(of);
      return child_turn::waits;
    case fan_stage::recording: child.exit = child_exit::recorded; return child_turn::leaves;
    case fan_stage::running: break;
  }
  child.released = true;
  return child_turn::starts;
}

void fan_queue::drain(item_group& into) {
  const std::scoped_lock lock(mutex_);
  for (const auto& [of, one] : open_) {
    into.insert(into.end(), one->gathered.begin(), one->gathered.end());
    one->gathered.clear();
  }
}

void fan_queue::keep_result(active_item& child) noexcept {
  if (!rule_.collects || child.child_of == nullptr || child.state != item_state::done || !child.ended) return;
  const detail::value_type* const type = run_.chain->steps.back().result;
  void* const value = child.values[run_.chain->steps.size()];
  if (type == nullptr || type->move == nullptr || value == nullptr) return;
  try {
    owned_value kept(*type, [&](void* place) { type->move(place, value); });
    const std::scoped_lock lock(mutex_);
    child.child_of->results.emplace(child.id, std::move(kept));
  } catch (...) {  // it can be read from the state
  }
}

void fan_queue::note_outcome(fan& of, const active_item& child, item_state outcome, std::string_view reason) noexcept {
  try {
    const std::scoped_lock lock(mutex_);
    if (outcome == item_state::skipped && of.skip.empty()) of.skip = reason;
    if (outcome != item_state::failed || !of.failed_key.empty()) return;
    of.failed_key = printable_key(child.key);
    of.failure = reason;
  } catch (...) {  // without words then
  }
}

void note_outcome(fan& of, const active_item& child, item_state outcome, std::string_view reason) noexcept {
  of.queue.note_outcome(of, child, outcome, reason);
}

void fan_queue::count_left() {
  const std::scoped_lock lock(mutex_);
  for (const auto& [of, one] : open_) count_left(*one);
}

// What was recorded and is not taken up in this run.
void fan_queue::count_left(const fan& of) {
  const std::uint64_t left = of.recorded.size() + (of.page.size() - of.page_at);
  if (left == 0) return;
  run_.count(item_state::pending, left);
  if (!run_.stopping()) run_.counts.left_unfinished.fetch_add(left, std::memory_order_relaxed);
}

void fan_queue::end() {
  const std::scoped_lock lock(mutex_);
  over_ = true;
  waiting_.clear();
  while (!open_.empty()) {
    ++open_.back().second->given_up;
    hand_back(*open_.back().second);
  }
  ended_.notify_all();
}

void fan_queue::forget_waiting(const fan& of) {
  const auto found = std::find(waiting_.begin(), waiting_.end(), &of);
  if (found != waiting_.end()) waiting_.erase(found);
}

// A child has come or left, or the source has: is that the end of a stage, or of all?
void fan_queue::go_on(fan& of) {
  if (of.source != nullptr) return;
  if (of.stage == fan_stage::gathering) {
    if (of.gathered.size() != of.out) return;  // some are not acknowledged, or about to leave
    of.stage = of.broken ? fan_stage::recording : fan_stage::running;
    run_.ready.push_fresh(of.gathered);
    of.gathered.clear();
  }
  if (of.out != 0) return;
  if (of.stage == fan_stage::recording && !of.broken) {
    of.stage = fan_stage::running;
    if (!of.recorded.empty()) {
      run_.ready.wake_all();
      return;
    }
  }
  if (of.stage == fan_stage::running && !of.recorded.empty()) return;
  hand_back(of);
}

// The item, whose fans have all come back, goes on in its own run.
void fan_queue::hand_back(fan& of) {
  forget_waiting(of);
  if (!over_) count_left(of);
  std::swap(open_[of.place], open_.back());
  open_[of.place].second->place = of.place;
  const std::shared_ptr<fan_out> whole = std::move(open_.back().first);
  open_.pop_back();
  if (whole->open.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  active_item* const item = &whole->item;
  whole->run.ready.push_fresh({&item, 1});
}

}  // namespace pawl::core
