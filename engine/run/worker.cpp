#include "run/worker.hpp"

#include "record/key.hpp"
#include "run/fan.hpp"
#include "run/marked_call.hpp"

#include <pawl/error.hpp>

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace pawl::core {
namespace {

// A group takes about this long, so that nobody waits for a worker that holds many items; and about so long a record
// waits, while there is work, until the committer is asked for it.
constexpr std::uint64_t group_ns = 100'000;
constexpr std::uint64_t held_ns = 10 * group_ns;
constexpr std::uint64_t own_cost_ns = 150;  // of the engine, for each call
constexpr std::size_t group_at_most = 256;
// The same where the caller's time is short: what ends, begins or is called between two looks at the clock.
constexpr std::size_t slice_at_most = 32;
// A call that is expected to take longer is not begun with records that nobody was asked to commit.
constexpr std::uint64_t slow_call_ns = 20'000;
constexpr std::uint64_t bytes_untold = 256 * 1024;
// Who waits looks again so soon after there was something to do, and ever more seldom where there is nothing.
constexpr std::uint64_t first_look_ns = 10'000'000;
constexpr std::uint64_t last_look_ns = 1'000'000'000;

bool is_storage_failure(errc code) {
  return code == errc::disk_full || code == errc::io || code == errc::stopped || code == errc::damaged;
}

}  // namespace

worker::worker(run_state& run, admission& entry, lane& log_lane, std::size_t number, std::uint64_t seed)
    : run_(run),
      admission_(entry),
      lane_(log_lane),
      told_(*run.told[number]),
      jitter_(seed),
      mark_(run.flight, run.workflow.id, run.workflow.current, number),
      resume_(run),
      loops_(run, log_lane, mark_),
      run_token_(run.stop_running.get_token()),
      counts_(run.chain->steps.size()),
      look_after_ns_(first_look_ns) {}

void worker::work() {
  for (;;) {
    const std::uint64_t epoch = run_.ready.epoch();
    if (admission_.finished() || run_.ready.broken()) return;
    loops_.release_acknowledged();
    const std::size_t most = group_size();
    take_ready(most);
    if (!ended_.empty()) retire_ended();
    const bool pulled = group_.size() * 4 <= most * 3 && admit(most - group_.size());
    if (group_.empty() && !pulled && !run_transactions_when_idle()) wait_for_work(most, epoch);
    run_group();
    if (run_.transactions && run_.transactions->is_due(now_ns_)) run_transactions();
  }
}

std::size_t worker::group_size() const noexcept {
  const std::size_t pace = group_ns / (expected_.ns() + own_cost_ns);
  run_.ready.set_pace(pace);
  return std::clamp<std::size_t>(pace, 1, group_at_most);
}

// Fills the group with what is ready, up to `most` items that have something to do.
void worker::take_ready(std::size_t most) {
  while (group_.size() < most) {
    run_.ready.take(most - group_.size(), taken_);
    if (taken_.empty()) return;
    sort_taken();
  }
}

void worker::sort_taken() {
  for (std::size_t i = 0; i < taken_.size(); ++i) {
    if (i + items_ahead < taken_.size()) prefetch_item(taken_[i + items_ahead]);
    if (taken_[i]->ended) {
      __builtin_prefetch(&taken_[i]->key);
      ended_.push_back(taken_[i]);
    } else {
      group_.push_back(taken_[i]);
    }
  }
  taken_.clear();
}

void worker::keep_ends() noexcept {
  for (active_item* item : ended_) {
    if (item->submitted != nullptr) keep_end(run_, *item);
    if (run_.children != nullptr) run_.children->keep_result(*item);
    destroy_values(run_.layout, *item);
  }
}

// Another worker may be admitting from a slow source: do not wait for it, there may be something else to do.
void worker::retire_ended() {
  keep_ends();
  static_cast<void>(admission_.try_to_retire(ended_));
}

// True where something was pulled. The source may let us wait for its next item for ever: what is recorded is not to
// wait with us. Who has slow calls to make pulls few, and there may be more for who waits.
bool worker::admit(std::size_t most) {
  if (!admission_.has_room()) return false;
  ask_for_commit();
  const lane_position before = lane_.written();
  const std::size_t taken = group_.size();
  const bool pulled = admission_.admit(lane_, most, group_);
  own_ = group_.size() - taken;
  own_until_ = lane_.written();
  if (lane_.written() != before) unasked_since_ns_ = now_ns_ = run_.time.now_ns();
  if (pulled && expected_.ns() > slow_call_ns && run_.ready.idle() != 0 && admission_.has_room()) run_.ready.wake_one();
  return pulled;
}

// Nothing is ready and nothing was admitted. The last worker awake commits what is recorded right here. One that leaves
// others at work asks the committer: until he comes they may be through, and it becomes one commit instead of two.
void worker::wait_for_work(std::size_t most, std::uint64_t epoch) {
  if (run_.stopping()) {
    drain_gates();
    // With nothing in flight nobody else would notice that this is the end of the run.
    if (ended_.empty()) admission_.retire(ended_);
  }
  if (!ended_.empty() && admission_.retire_or_be_woken(ended_)) return;
  if (run_.ready.idle() + 1 < run_.settings.workers) {
    ask_for_commit();
  } else {
    unasked_since_ns_ = 0;
    if (run_.log.commit_here(&run_.ready)) return;
  }
  const bool alone =
      run_.ready.wait_and_take(most, taken_, epoch, look_after_ns_, run_.has_batches ? run_.settings.workers : 0);
  if (alone && !call_incomplete_batch()) run_.ready.wait_and_take(most, taken_, epoch, look_after_ns_);
  look_after_ns_ = taken_.empty() ? std::min(2 * look_after_ns_, last_look_ns) : first_look_ns;
  sort_taken();
}

// How many make a group is guessed from calls of all steps. So whoever has a slow call to make, or has just made one,
// leaves the rest to others.
void worker::run_group() {
  for (std::size_t i = 0; i < group_.size(); ++i) {
    if (i + values_ahead < group_.size()) prefetch_latest_value(run_.layout, *group_[i + values_ahead]);
    const std::uint64_t before_ns = now_ns_;
    if (calls_slowly(*group_[i])) {
      hand_back(i + 1);
      if (run_.transactions && run_.transactions->is_due(now_ns_)) run_transactions();
    }
    advance(*group_[i]);
    if (now_ns_ - before_ns > held_ns) hand_back(i + 1);
  }
  group_.clear();
  own_ = 0;
  if (run_.has_batches) call_due_batches();
  tell_counts();
}

// Is its next call expected to take long? Where it only joins others for theirs, it is not.
bool worker::calls_slowly(const active_item& item) const noexcept {
  const std::size_t step = item.step;
  return counts_[step].expected.ns() > group_ns && !run_.batches[step] &&
         run_.chain->steps[step].kind != step_kind::transactional;
}

// Behind what was acknowledged since, so that items which are further on go first. One worker alone keeps the order, and
// what it has admitted itself it keeps until that is acknowledged (run/lane.hpp says why).
void worker::hand_back(std::size_t from) {
  const std::size_t end = lane_.acknowledged() >= own_until_ ? group_.size() : group_.size() - own_;
  if (from >= end || run_.settings.workers == 1) return;
  const auto first = group_.begin() + static_cast<std::ptrdiff_t>(from);
  run_.ready.push_fresh({first, end - from});
  group_.erase(first, first + static_cast<std::ptrdiff_t>(end - from));
}

bool worker::work_until(std::uint64_t until_ns, bool commits) {
  now_ns_ = run_.time.now_ns();
  for (; !admission_.finished() && !run_.ready.broken(); now_ns_ = run_.time.now_ns()) {
    if (now_ns_ >= until_ns) {
      ask_for_commit();
      return true;
    }
    const std::size_t most = std::min(group_size(), slice_at_most);
    if (run_.stopping()) drain_gates();
    if (group_.size() < most) run_.ready.take(most - group_.size(), taken_);
    sort_taken();
    const bool retires = !ended_.empty();
    if (retires || run_.stopping()) {
      keep_ends();
      admission_.retire(ended_);
    }
    const bool pulled = group_.empty() && admit(most);
    if (group_.empty() && !pulled && !retires) {
      if (commits && run_.log.commit_here(&run_.ready)) {
        unasked_since_ns_ = 0;
        continue;
      }
      ask_for_commit();
      if (run_transactions_when_idle() || (run_.has_batches && call_incomplete_batch())) continue;
      return false;
    }
    run_group_until(until_ns);
    if (run_.transactions && run_.transactions->is_due(now_ns_)) run_transactions();
  }
  return false;
}

// The items that there is time for; at least one. The others stay in the group.
void worker::run_group_until(std::uint64_t until_ns) {
  std::size_t at = 0;
  for (; at < group_.size(); ++at) {
    if (at != 0 && now_ns_ + counts_[group_[at]->step].expected.ns() > until_ns) break;
    advance(*group_[at]);
  }
  group_.erase(group_.begin(), group_.begin() + static_cast<std::ptrdiff_t>(at));
  if (run_.has_batches) call_due_batches();
  tell_counts();
}

// Once for a group: for each is an atomic operation.
void worker::tell_counts() noexcept {
  run_.counts.steps.fetch_add(std::exchange(steps_, 0), std::memory_order_relaxed);
  run_.bytes_in_flight.fetch_add(std::exchange(bytes_change_, 0), std::memory_order_relaxed);
}

void worker::ask_for_commit() noexcept {
  if (std::exchange(unasked_since_ns_, 0) != 0) run_.log.ask();
}

bool worker::must_ask_before(std::size_t step) const noexcept {
  return counts_[step].expected.ns() > slow_call_ns || now_ns_ - unasked_since_ns_ > group_ns;
}

// Drives one item as far as it goes without waiting. It must not be touched once it is handed on.
void worker::advance(active_item& item) {
  if (run_.children != nullptr && waits_for_siblings(item)) return;
  if (item.backing_off && !run_.stopping()) {
    item.backing_off = false;
    if (item.due_ns > run_.time.now_ns()) {
      run_.ready.push_backing_off(&item);
      return;
    }
  }
  for (bool goes_on = true; goes_on;) {
    if (run_.stopping() && !item.started) {  // what is recorded as started is called
      give_up(item);
      return;
    }
    const std::size_t number = item.step;
    const detail::erased_step& step = run_.chain->steps[number];
    if (step.fan && item.fanned_out != nullptr) {
      goes_on = end_fan(item);
      continue;
    }
    if (step.kind == step_kind::transactional) {
      if (!cancelled(item)) run_.transactions->push(&item, now_ns_);
      return;
    }
    if (run_.batches[number]) {
      if (!cancelled(item)) enter_batch(item);
      return;
    }
    if (!item.started) {
      if (run_.gates[number] && !run_.gates[number]->enter(&item)) return;
      if (run_.rates[number] && !may_begin(item, number)) return;
      if (cancelled(item)) {  // behind both, which count on the coming of each that waited there
        if (run_.gates[number]) leave_gate(number);
        return;
      }
      if (step.at_most_once && run_.records) {
        record_start(item);
        return;
      }
    }
    if (unasked_since_ns_ != 0 && must_ask_before(number)) ask_for_commit();
    const marked_call executing(*this, item);
    call(item, step, result_);
    item.started = false;
    note_call(item, result_);
    if (step.fan && result_.end == call_end::completed) {  // it keeps its place among them while its source is open
      start_fan(item);
      return;
    }
    if (run_.gates[number]) leave_gate(number);
    switch (result_.end) {
      case call_end::completed: goes_on = record_completed(item, step, result_); break;
      case call_end::stopped:
        give_up(item);
        return;
      case call_end::skipped:
        ++counts_[number].skips;
        record_end(item, item_state::skipped, result_);
        return;
      case call_end::failed:
      case call_end::failed_for_good: settle_failure(item, step, result_); return;
    }
  }
}

// Before a call: a suspect takes the turn to be alone, everybody else lets who has it go on.
void worker::wait_turn(bool suspect) {
  const auto enough = [this] { return run_.stopping(); };
  if (suspect) mark_.take_turn(enough);
  else if (run_.flight != nullptr) run_.flight->wait_for_turn(enough);
}

// What happened before it got here does not count against it any more.
void worker::note_progress(const active_item& item) {
  if (run_.flight != nullptr) run_.flight->progressed(run_.workflow.id, item.key, item.step);
}

void worker::note_call(const active_item& item, const call_result& result) {
  now_ns_ = result.ended_ns;
  step_counts& counts = counts_[item.step];
  counts.expected.add(result.took_ns);
  expected_.add(result.took_ns);
  if (result.end == call_end::stopped) return;
  counts.times.add(result.took_ns);
  if (item.attempts != 0) ++counts.retries;
}

// The run stops: the item stays as it is recorded.
void worker::give_up(active_item& item) {
  item.fanned_out.reset();
  ended_.push_back(&item);
}

// Nobody wants it any more: recorded as skipped.
bool worker::cancelled(active_item& item) {
  if (item.submitted == nullptr || !item.submitted->cancelled.load(std::memory_order_relaxed)) return false;
  result_ = {};
  result_.end = call_end::skipped;
  result_.reason = "cancelled";
  result_.ended_ns = now_ns_ = run_.time.now_ns();
  record_end(item, item_state::skipped, result_);
  return true;
}

void worker::leave_gate(std::size_t step) {
  active_item* next = run_.gates[step]->leave();
  if (next != nullptr) run_.ready.push_fresh({&next, 1});
}

// False: the item waits for its turn at a step with a rate limit. It needs no place among concurrent calls meanwhile.
bool worker::may_begin(active_item& item, std::size_t step) {
  const bool begins = run_.rates[step]->enter(&item, run_.time.now_ns(), let_out_);
  for (active_item* one : let_out_) run_.ready.push_backing_off(one);
  let_out_.clear();
  if (!begins && run_.gates[step]) leave_gate(step);
  return begins;
}

void worker::drain_gates() {
  for (const auto& gate : run_.gates)
    if (gate) gate->drain(ended_);
  for (const auto& rate : run_.rates)
    if (rate) rate->drain(ended_);
  if (run_.transactions) run_.transactions->drain(ended_);
  for (const auto& batch : run_.batches)
    if (batch) batch->drain(ended_);
  if (run_.children != nullptr) run_.children->drain(ended_);
}

checkpoint_header worker::header_for(active_item& item, checkpoint_kind kind, const call_result& result) const {
  checkpoint_header header{};
  header.kind = kind;
  header.workflow = run_.workflow.id;
  header.revision = run_.workflow.current;
  header.step = item.step;
  header.attempt = item.attempts + 1;
  header.generation = item.generation;
  header.sequence = ++item.sequence;
  header.item = item.id;
  header.at_us = run_.unix_us(result.ended_ns);
  header.detail = result.took_ns;
  return header;
}

void worker::account(active_item& item, std::size_t bytes) noexcept {
  const std::uint64_t now = run_.layout.size() + bytes;
  if (now == item.bytes) return;
  bytes_change_ += now - item.bytes;
  item.bytes = now;
  if (bytes_change_ + bytes_untold > 2 * bytes_untold) tell_counts();  // the window's bound is not to wait for the group
}

// Publishes the open record. The item that waits for it is not to be touched afterwards.
void worker::finish_record(active_item* waiting, std::uint64_t now_ns) {
  if (unasked_since_ns_ == 0) unasked_since_ns_ = now_ns;
  lane_.finish(waiting);
}

// A record without a payload, for which its item waits.
void worker::record_and_wait(active_item& item, const checkpoint_header& header, std::string_view text) {
  if (!run_.records) {
    if (item.ended) ended_.push_back(&item);
    else run_.ready.push_backing_off(&item);
    return;
  }
  lane_.begin(header, text.substr(0, max_reason_size));
  finish_record(&item, now_ns_);
}

// Encodes what the step returned into the open record. False where that cannot be done: the item is off then.
bool worker::write_result(lane& into, active_item& item, const detail::erased_step& step, call_result& result) {
  const std::size_t number = item.step;
  const bool stays = step.keep || number + 1 == run_.chain->steps.size();  // one that is discarded is not written
  try {
    account(item, write_payload(into, run_.store, *step.result, item.values[number + 1], stays,
                                run_.settings.check_codecs));
    return true;
  } catch (const error& failure) {
    into.cancel();
    if (is_storage_failure(failure.code())) {
      run_.fail(std::current_exception());
      --item.sequence;
      give_up(item);
      return false;
    }
    result.reason = failure.what();
  } catch (const std::exception& failure) {
    into.cancel();
    result.reason = std::string("its result could not be encoded: ") + failure.what();
  } catch (...) {
    into.cancel();
    result.reason = "its result could not be encoded: the codec threw something that is not a std::exception";
  }
  --item.sequence;
  loops_.not_recorded();
  ++counts_[number].failures;
  record_end(item, item_state::failed, result);
  return false;
}

checkpoint_header worker::completed_header(active_item& item, const detail::erased_step& step,
                                           const call_result& result) const {
  checkpoint_header header = header_for(item, checkpoint_kind::completed, result);
  const bool last = item.step + std::size_t{1} == run_.chain->steps.size();
  if (last) header.flags |= checkpoint_flag::last;
  if (last && (step.discard || step.result == nullptr)) header.flags |= checkpoint_flag::discard;
  if (step.keep) header.flags |= checkpoint_flag::keep;
  return header;
}

bool worker::records_result(const detail::erased_step& step, std::size_t number) const noexcept {
  return step.result != nullptr && !(step.discard && number + 1 == run_.chain->steps.size());
}

// The item is past the step, as its checkpoint says.
void worker::note_completed(active_item& item) {
  const std::size_t number = item.step;
  if (item.crashes != crash_history::none) [[unlikely]] note_progress(item);
  const bool last = number + 1 == run_.chain->steps.size();
  ++counts_[number].completed;
  ++steps_;
  item.state = last ? item_state::done : item_state::in_progress;
  item.ended = last;
  item.attempts = 0;
  ++item.step;
  for (const std::uint16_t dead : run_.layout.dead_after(number)) destroy_value(run_.layout, item, dead);
}

// Records a completed step. True where the next one may start at once.
bool worker::record_completed(active_item& item, const detail::erased_step& step, call_result& result) {
  const std::size_t number = item.step;
  if (run_.records) {
    lane_.begin(completed_header(item, step, result), {});
    if (records_result(step, number) && !write_result(lane_, item, step, result)) return false;
  }
  note_completed(item);
  const bool last = item.ended;
  if (!run_.records) {
    if (last) ended_.push_back(&item);
    return !last;
  }
  // At a step with a limit the item may change hands, which it must not before it is acknowledged.
  bool waits = last || run_.chain->steps[number + 1].kind != step_kind::pure || run_.gates[number + 1] ||
               lane_.pending() > run_.settings.window_bytes;
#ifdef PAWL_CANARY  // the planted bug that tests/canary/ must find: now and then an effect does not wait
  waits = waits && (last || item.id % 97 != 13);
#endif
  finish_record(waits ? &item : nullptr, result.ended_ns);
  loops_.recorded();
  return !waits;
}

void worker::record_end(active_item& item, item_state state, call_result& result) {
  run_.note_end(state, item.key, item.step, result.reason);
  note_outcome(item, state, result.reason);
  checkpoint_header header = header_for(
      item, state == item_state::skipped ? checkpoint_kind::skipped : checkpoint_kind::failed, result);
  if (result.sticky) header.flags |= checkpoint_flag::sticky;
  item.state = state;
  item.ended = true;
  record_and_wait(item, header, result.reason);
  loops_.recorded();
}

// At most once: that the step is called is on the disk before it is.
void worker::record_start(active_item& item) {
  checkpoint_header header = header_for(item, checkpoint_kind::started, {});
  header.at_us = run_.unix_us(now_ns_);
  item.started = true;
  item.state = item_state::in_progress;
  record_and_wait(item, header, {});
}

// A failed attempt: is the item skipped, tried again later, or failed?
void worker::settle_failure(active_item& item, const detail::erased_step& step, call_result& result) {
  const std::size_t number = item.step;
  ++counts_[number].failures;
  if (step.at_most_once) result.sticky = true;  // whoever wants it called again must say so
  if (result.end == call_end::failed) {
    // An error that the user declared to be one of the data is not retried.
    if (skip_instead(item, step, result)) {
      ++counts_[number].skips;
      record_end(item, item_state::skipped, result);
      return;
    }
    const detail::retry_policy* policy = step.retry ? &*step.retry : nullptr;
    const auto rule = std::find_if(step.retry_on.begin(), step.retry_on.end(), [&](const detail::retry_rule& one) {
      return result.thrown && one.matches(result.thrown);
    });
    if (rule != step.retry_on.end()) policy = &rule->policy;
    if (policy != nullptr && item.attempts + 1 < policy->attempts) {
      record_retry(item, *policy, result);
      return;
    }
  }
  record_end(item, item_state::failed, result);
}

bool worker::skip_instead(const active_item& item, const detail::erased_step& step, const call_result& result) {
  if (!result.thrown) return false;
  for (std::size_t i = 0; i < step.skip_on.size(); ++i) {
    if (!step.skip_on[i].matches(result.thrown)) continue;
    if (run_.skips_used[item.step][i].fetch_add(1, std::memory_order_relaxed) < step.skip_on[i].limit) return true;
  }
  return false;
}

void worker::record_retry(active_item& item, const detail::retry_policy& policy, call_result& result) {
  checkpoint_header header = header_for(item, checkpoint_kind::attempt_failed, result);
  ++item.attempts;
  item.state = item_state::in_progress;
  const std::uint64_t delay_ns = backoff_ns(policy, item.attempts, jitter_);
  header.detail = delay_ns;
  item.due_ns = result.ended_ns + delay_ns;
  item.backing_off = true;
  if (run_.logger.should_log(spdlog::level::debug))
    run_.logger.debug("event=attempt_failed workflow={} key=\"{}\" step={} attempt={} retry_in_s={:.3f} reason=\"{}\"",
                      run_.chain->name, printable_key(item.key), run_.chain->steps[item.step].name, item.attempts,
                      static_cast<double>(delay_ns) * 1e-9, printable(result.reason));
  record_and_wait(item, header, result.reason);
}

}  // namespace pawl::core
