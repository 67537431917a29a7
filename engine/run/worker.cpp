#include "run/worker.hpp"

#include "record/key.hpp"

#include <pawl/error.hpp>

#include <spdlog/spdlog.h>

#include <algorithm>

namespace pawl::core {
namespace {

// A group takes about this long, so that nobody waits for a worker that holds many items.
constexpr double group_ns = 100'000;
constexpr std::size_t group_at_most = 128;
constexpr std::size_t group_at_most_beside_others = 32;

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
      resume_(run),
      run_token_(run.stop_running.get_token()),
      counts_(run.chain->steps.size()) {}

void worker::work() {
  for (;;) {
    const std::uint64_t epoch = run_.ready.epoch();
    if (admission_.finished() || run_.ready.broken()) return;
    item_list group;
    run_.ready.take(group_size(), group);
    if (group.first == nullptr && !admission_.admit(lane_, group_size(), group)) {
      if (run_.stopping()) drain_gates();
      if (ended_.first == nullptr) run_.ready.wait_and_take(group_size(), group, epoch);
    }
    const bool worked = group.first != nullptr;
    while (active_item* item = group.pop()) advance(*item);
    if (ended_.first != nullptr) retire_ended(worked);
    run_.counts.steps.fetch_add(std::exchange(steps_, 0), std::memory_order_relaxed);
  }
}

// Another worker may be admitting from a slow source: as long as there is something else to do, do not wait for it.
void worker::retire_ended(bool worked) {
  for (active_item* item = ended_.first; item != nullptr; item = item->next) destroy_values(run_.layout, *item);
  const bool may_wait = !worked || ended_.count >= run_.settings.window_items / 2;
  static_cast<void>(admission_.retire(ended_, may_wait));
}

std::size_t worker::group_size() const noexcept {
  const std::size_t most = run_.settings.workers > 1 ? group_at_most_beside_others : group_at_most;
  return std::clamp(static_cast<std::size_t>(group_ns / std::max(call_ns_, 1.0)), std::size_t{1}, most);
}

// Drives one item as far as it goes without waiting. It must not be touched once it is handed on.
void worker::advance(active_item& item) {
  if (item.ended) {
    ended_.push(&item);
    return;
  }
  if (item.backing_off && !run_.stopping()) {
    item.backing_off = false;
    if (item.due_ns > run_.time.now_ns()) {
      run_.ready.push_backing_off(&item);
      return;
    }
  }
  for (bool goes_on = true; goes_on;) {
    if (run_.stopping()) {
      give_up(item);
      return;
    }
    const std::size_t number = item.step;
    const detail::erased_step& step = run_.chain->steps[number];
    if (run_.gates[number] && !run_.gates[number]->enter(&item)) return;
    call_result result;
    call(item, step, result);
    if (run_.gates[number]) leave_gate(number);
    call_ns_ += (static_cast<double>(result.took_ns) - call_ns_) * 0.1;
    if (result.end != call_end::stopped) {
      counts_[number].times.add(result.took_ns);
      if (item.attempts != 0) ++counts_[number].retries;
    }
    switch (result.end) {
      case call_end::completed: goes_on = record_completed(item, step, result); break;
      case call_end::stopped:
        give_up(item);
        return;
      case call_end::skipped:
        ++counts_[number].skips;
        record_end(item, item_state::skipped, result);
        return;
      case call_end::failed:
      case call_end::failed_for_good: settle_failure(item, step, result); return;
    }
  }
}

// The run stops: the item stays as it is recorded.
void worker::give_up(active_item& item) { ended_.push(&item); }

void worker::leave_gate(std::size_t step) {
  active_item* next = run_.gates[step]->leave();
  if (next == nullptr) return;
  item_list one;
  one.push(next);
  run_.ready.push_fresh(std::move(one));
}

void worker::drain_gates() {
  for (const auto& gate : run_.gates) {
    if (!gate) continue;
    item_list parked = gate->drain();
    ended_.append(std::move(parked));
  }
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
  run_.bytes_in_flight.fetch_add(now - item.bytes, std::memory_order_relaxed);  // wraps for a decrease, as meant
  item.bytes = now;
}

// Records a completed step. True where the next one may start at once.
bool worker::record_completed(active_item& item, const detail::erased_step& step, call_result& result) {
  const std::size_t number = item.step;
  const bool last = number + 1 == run_.chain->steps.size();
  checkpoint_header header = header_for(item, checkpoint_kind::completed, result);
  if (last) header.flags |= checkpoint_flag::last;
  if (last && (step.discard || step.result == nullptr)) header.flags |= checkpoint_flag::discard;
  if (step.keep) header.flags |= checkpoint_flag::keep;
  lane_.begin(header, {});
  if (step.result != nullptr && !(last && step.discard)) {
    try {
      account(item, write_payload(lane_, run_.store, *step.result, item.values[number + 1], run_.settings.check_codecs));
    } catch (const error& failure) {
      lane_.cancel();
      if (is_storage_failure(failure.code())) {
        run_.fail(std::current_exception());
        --item.sequence;
        give_up(item);
        return false;
      }
      result.reason = failure.what();
    } catch (const std::exception& failure) {
      lane_.cancel();
      result.reason = std::string("its result could not be encoded: ") + failure.what();
    } catch (...) {
      lane_.cancel();
      result.reason = "its result could not be encoded: the codec threw something that is not a std::exception";
    }
    if (!result.reason.empty()) {
      --item.sequence;
      ++counts_[number].failures;
      record_end(item, item_state::failed, result);
      return false;
    }
  }
  ++counts_[number].completed;
  ++steps_;
  item.state = last ? item_state::done : item_state::in_progress;
  item.ended = last;
  item.attempts = 0;
  ++item.step;
  for (const std::uint16_t dead : run_.layout.dead_after(number)) destroy_value(run_.layout, item, dead);
  // At a step with a limit the item may change hands, which it must not before it is acknowledged.
  const bool waits = last || run_.chain->steps[number + 1].kind == step_kind::effect || run_.gates[number + 1] ||
                     lane_.pending() > run_.settings.window_bytes;
  lane_.finish(waits ? &item : nullptr);
  run_.log.published();
  return !waits;
}

void worker::record_end(active_item& item, item_state state, call_result& result) {
  run_.note_end(state, item.key, item.step, result.reason);
  checkpoint_header header = header_for(
      item, state == item_state::skipped ? checkpoint_kind::skipped : checkpoint_kind::failed, result);
  if (result.sticky) header.flags |= checkpoint_flag::sticky;
  item.state = state;
  item.ended = true;
  lane_.begin(header, std::string_view(result.reason).substr(0, max_reason_size));
  lane_.finish(&item);
  run_.log.published();
}

// A failed attempt: is the item skipped, tried again later, or failed?
void worker::settle_failure(active_item& item, const detail::erased_step& step, call_result& result) {
  const std::size_t number = item.step;
  ++counts_[number].failures;
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
  lane_.begin(header, std::string_view(result.reason).substr(0, max_reason_size));
  lane_.finish(&item);
  run_.log.published();
}

}  // namespace pawl::core
