// The call of a batch step: when one is called, how, and what came of it for each entry.
//
// All entries wait for nothing: what was recorded of them is acknowledged, so
// whoever calls them records them in its own lane. A call that throws is bisected:
// its entries are called again in halves, until the guilty ones have been called
// alone. Each entry then has an outcome of its own, and what follows from it
// (checkpoint, retry, failure) is what follows at any other step.
#include "run/marked_call.hpp"
#include "run/step_context.hpp"
#include "run/worker.hpp"

#include <algorithm>
#include <deque>
#include <utility>

namespace pawl::core {
namespace {

// What the function sees of its call: keys are those of the entries.
class batch_context final : public detail::context_source {
public:
  batch_context(run_state& run, const detail::erased_step& step, std::uint32_t attempt, std::stop_token token,
                std::atomic<double>& told)
      : run_(run), step_(step), attempt_(attempt), token_(std::move(token)), told_(told) {}
  ~batch_context() { told_.store(-1.0, std::memory_order_relaxed); }
  batch_context(const batch_context&) = delete;
  batch_context& operator=(const batch_context&) = delete;

  std::string_view workflow_name() const override { return run_.chain->name; }
  std::string_view step_name() const override { return step_.name; }
  std::string_view key() const override { return {}; }
  std::uint32_t attempt() const override { return attempt_; }
  std::string idempotency_key() const override { return {}; }
  std::stop_token stop_token() const override { return token_; }
  spdlog::logger& logger() const override { return run_.logger; }
  void progress(double fraction) override {
    told_.store(fraction > 0 ? std::min(fraction, 1.0) : 0.0, std::memory_order_relaxed);
  }
  std::uint64_t round() const override { return 0; }
  void run_rounds(detail::loop_rounds&) override {}  // a batch is no loop

private:
  run_state& run_;
  const detail::erased_step& step_;
  const std::uint32_t attempt_;
  const std::stop_token token_;
  std::atomic<double>& told_;
};

// A batch consumes nothing, and an earlier step that consumed what arrives here got a copy: the value is there.
struct entry {
  entry(run_state& run, active_item& of, const detail::erased_step& step, const std::stop_token& token,
        std::atomic<double>& told, loop_runner& loops)
      : item(of),
        source(run, of, step, token, told, loops),
        ctx(source),
        frame{of.values, of.values[run.layout.latest_after(of.step)],
              step.result != nullptr ? place_of(run.layout, of, of.step + 1u) : nullptr, ctx, {}} {}

  active_item& item;
  step_context source;
  context ctx;
  detail::call_frame frame;
};

}  // namespace

struct worker::batch_work {
  const detail::erased_step& step;
  std::deque<entry> entries;
  std::vector<detail::call_frame*> frames;
  std::vector<outcome_kind> kinds;
};

// The next call may be a slow one: the first entry's time is kept by others from here on.
void worker::enter_batch(active_item& item) {
  const std::uint64_t due_ns = run_.batches[item.step]->enter(&item, run_.time.now_ns());
  if (due_ns != never) run_.ready.look_at(due_ns);
}

// What is due is called, and somebody will look again when the next one is.
void worker::call_due_batches() {
  for (std::size_t step = 0; step < run_.batches.size(); ++step) {
    batch_gate* const gate = run_.batches[step].get();
    if (gate == nullptr) continue;
    while (!run_.stopping() && gate->take(run_.time.now_ns(), batch_)) call_batch(step);
    if (const std::uint64_t due_ns = gate->due_ns(); due_ns != never) run_.ready.look_at(due_ns);
  }
}

// Every other worker waits, nothing is ready, and nothing can be admitted. Where also nothing is on its way to the disk
// and no timer fires before a batch is due, nothing can join it: it is called now. The first one in the chain, for what
// completes there may join a later one. False where there is none, or something else can happen.
bool worker::call_incomplete_batch() {
  if (run_.stopping()) return false;
  const ready_queue::timers timers = run_.ready.backing_off();
  std::size_t waiting = timers.count;
  for (const auto& gate : run_.batches) waiting += gate ? gate->waiting() : 0;
  for (const auto& gate : run_.rates) waiting += gate ? gate->waiting() : 0;
  if (waiting != admission_.in_flight()) return false;
  for (std::size_t step = 0; step < run_.batches.size(); ++step) {
    batch_gate* const gate = run_.batches[step].get();
    if (gate == nullptr || gate->due_ns() > timers.first_due_ns || !gate->take_incomplete(batch_)) continue;
    call_batch(step);
    return true;
  }
  return false;
}

// Calls those that were taken into batch_.
void worker::call_batch(std::size_t step) {
  batch_gate& gate = *run_.batches[step];
  if (run_.ready.idle() != 0 && gate.due_ns() <= run_.time.now_ns()) run_.ready.wake_all();
  ask_for_commit();
  {
    batch_work work{run_.chain->steps[step], {}, {}, std::vector<outcome_kind>(batch_.size())};
    for (active_item* item : batch_) work.entries.emplace_back(run_, *item, work.step, run_token_, told_, loops_);
    for (entry& one : work.entries) work.frames.push_back(&one.frame);
    batch_.clear();
    const std::size_t singly = entries_to_call_singly(work, step);
    for (std::size_t i = 0; i < singly; ++i) call_entries(work, i, 1);
    if (singly < work.entries.size()) call_entries(work, singly, work.entries.size() - singly);
    if (singly != 0 && !run_.stopping())
      run_.flight->called_singly(run_.workflow.id, static_cast<std::uint16_t>(step), static_cast<std::uint32_t>(singly));
  }
  gate.leave();
  for (active_item* item : going_on_) advance(*item);
  going_on_.clear();
}

// How many of the batch are to be called one by one, because a process died in such a call: then it shows which.
std::size_t worker::entries_to_call_singly(const batch_work& work, std::size_t step) const {
  if (run_.flight == nullptr || !run_.flight->knows_any()) return 0;
  const bool any = std::any_of(work.entries.begin(), work.entries.end(), [](const entry& one) {
    return one.item.crashes != crash_history::none;
  });
  const std::size_t all = work.entries.size();
  return any ? all : std::min<std::size_t>(all, run_.flight->calls_singly(run_.workflow.id, static_cast<std::uint16_t>(step)));
}
void worker::call_entries(batch_work& work, std::size_t first, std::size_t count) {
  call_result result;
  if (run_.stopping()) result.end = call_end::stopped;
  const bool concerns_one = result.end == call_end::stopped || call_batch_function(work, first, count, result);
  if (!concerns_one) {
    call_entries(work, first, count / 2);
    call_entries(work, first + count / 2, count - count / 2);
    return;
  }
  for (std::size_t i = first; i < first + count; ++i) settle_entry(work, i, result);
}

// Calls the function once. True where its end, as `result` says it, is that of each entry; false where it threw, and it
// is not known which entry it was about.
bool worker::call_batch_function(batch_work& work, std::size_t first, std::size_t count, call_result& result) {
  const detail::erased_step& step = work.step;
  std::uint32_t attempt = 1;
  for (std::size_t i = first; i < first + count; ++i) {
    work.kinds[i] = outcome_kind::value;
    work.frames[i]->reason.clear();
    attempt = std::max(attempt, work.entries[i].item.attempts + 1);
  }
  std::stop_token token = run_token_;
  if (step.timeout_s > 0) {
    token = timer_.start(run_.time.now_ns() + static_cast<std::uint64_t>(step.timeout_s * 1e9));
    if (watch_ != nullptr) watch_->look();
  }
  batch_context source(run_, step, attempt, std::move(token), told_);
  context ctx(source);
  detail::batch_call call{work.frames.data() + first, work.kinds.data() + first, count, step.reads.data(), ctx};
  std::size_t given = count;
  const std::uint64_t began_ns = run_.time.now_ns();
  const active_item& of_first = work.entries[first].item;
  const marked_call executing(*this, of_first, count == 1 && of_first.crashes == crash_history::suspect, count);
  mark_.began(began_ns);
  try {
    given = step.call_batch(step.self, call);
  } catch (...) {
    note_thrown(result);
    // It may have thrown while results were taken out of what it returned.
    for (std::size_t i = 0; i < call.filled; ++i)
      if (call.kinds[i] == outcome_kind::value && step.result != nullptr && step.result->destroy != nullptr)
        step.result->destroy(call.frames[i]->out);
  }
  result.ended_ns = run_.time.now_ns();
  result.took_ns = result.ended_ns - began_ns;
  const bool timed_out = step.timeout_s > 0 && timer_.end();

  now_ns_ = result.ended_ns;
  expected_.add(result.took_ns / count);
  if (result.end == call_end::stopped && run_.stopping() && !timed_out) return true;
  counts_[work.entries[first].item.step].times.add(result.took_ns);
  if (given != count) {
    result.end = call_end::failed_for_good;
    result.reason = "the batch returned " + std::to_string(given) + " results for " + std::to_string(count) +
                    " entries, so it is not known whose they are; return one for each, in their order";
    return true;
  }
  if (result.end == call_end::completed) return true;
  if (result.end == call_end::stopped) result.end = call_end::failed;
  if (timed_out && result.end == call_end::failed) {
    result.reason = "timed out after " + std::to_string(step.timeout_s) + " s: " + result.reason;
    return true;
  }
  return count == 1;
}

// What came of the call for one entry is recorded, as of any other call.
void worker::settle_entry(batch_work& work, std::size_t entry, call_result& result) {
  active_item& item = work.entries[entry].item;
  const detail::erased_step& step = work.step;
  step_counts& counts = counts_[item.step];
  if (result.end == call_end::stopped) {
    give_up(item);
    return;
  }
  if (item.attempts != 0) ++counts.retries;
  call_result own = result;
  if (own.end == call_end::completed) {
    switch (work.kinds[entry]) {
      case outcome_kind::value: break;
      case outcome_kind::skipped: own.end = call_end::skipped; break;
      case outcome_kind::failed: own.end = call_end::failed; break;
      case outcome_kind::failed_sticky:
        own.end = call_end::failed_for_good;
        own.sticky = true;
        break;
    }
    own.reason = std::move(work.frames[entry]->reason);
  }
  const marked_call executing(*this, item, false);  // encoding its result may be what takes the process down
  switch (own.end) {
    case call_end::completed:
      if (step.result != nullptr) item.values[item.step + 1u] = work.frames[entry]->out;
      if (record_completed(item, step, own)) going_on_.push_back(&item);
      return;
    case call_end::skipped:
      ++counts.skips;
      record_end(item, item_state::skipped, own);
      return;
    case call_end::failed:
    case call_end::failed_for_good: settle_failure(item, step, own); return;
    case call_end::stopped: return;
  }
}

}  // namespace pawl::core
