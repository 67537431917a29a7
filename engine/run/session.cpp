#include "run/session.hpp"

#include "flight/recorder.hpp"
#include "run/admission.hpp"
#include "run/fan.hpp"
#include "run/signals.hpp"
#include "run/watch.hpp"
#include "run/worker.hpp"

#include <pawl/error.hpp>
#include <pawl/progress.hpp>

#include <spdlog/spdlog.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <system_error>
#include <thread>
#include <utility>

namespace pawl::core {
namespace {

// For which run the thread works; runs may begin in a step of another one.
thread_local const run_state* working_for = nullptr;

class at_work {
public:
  explicit at_work(const run_state& run) noexcept : before_(std::exchange(working_for, &run)) {}
  ~at_work() { working_for = before_; }
  at_work(const at_work&) = delete;
  at_work& operator=(const at_work&) = delete;

private:
  const run_state* const before_;
};

std::uint64_t seed_of(const run_options& options) { return options.seed ? *options.seed : std::random_device{}(); }

// Turns the counts of a run into what a progress callback gets; rates are over the last few calls.
class progress_maker {
public:
  progress_maker(const run_state& run, std::optional<std::uint64_t> size_hint) : run_(run), size_hint_(size_hint) {}

  [[nodiscard]] progress make(bool last) {
    const auto state = [&](item_state which) {
      return run_.counts.by_state[static_cast<std::size_t>(which)].load(std::memory_order_relaxed);
    };
    progress now;
    now.workflow = run_.chain->name;
    now.done = state(item_state::done);
    now.failed = state(item_state::failed);
    now.skipped = state(item_state::skipped);
    now.pending = state(item_state::pending);
    now.seen = run_.counts.items.load(std::memory_order_relaxed);
    const std::uint64_t settled = now.finished() + now.pending;
    now.in_progress = now.seen > settled ? now.seen - settled : 0;
    now.steps_completed = run_.counts.steps.load(std::memory_order_relaxed);
    const double at = static_cast<double>(run_.time.now_ns() - run_.started_ns) * 1e-9;
    now.elapsed = std::chrono::duration<double>(at);
    now.size_hint = size_hint_;
    now.last = last;
    double told = 0;
    int tellers = 0;
    for (const auto& one : run_.told)
      if (const double fraction = one->load(std::memory_order_relaxed); fraction >= 0) {
        told += fraction;
        ++tellers;
      }
    if (tellers != 0) now.step_fraction = told / tellers;
    moments_.push_back({at, now.finished(), now.steps_completed});
    while (moments_.size() > 2 && at - moments_.front().at_s > rates_over_s) moments_.pop_front();
    const moment& first = moments_.size() > 1 ? moments_.front() : moment{};
    if (at > first.at_s) {
      now.items_per_second = static_cast<double>(now.finished() - first.items) / (at - first.at_s);
      now.steps_per_second = static_cast<double>(now.steps_completed - first.steps) / (at - first.at_s);
    }
    return now;
  }

private:
  struct moment {
    double at_s = 0;
    std::uint64_t items = 0;
    std::uint64_t steps = 0;
  };
  static constexpr double rates_over_s = 5;

  const run_state& run_;
  const std::optional<std::uint64_t> size_hint_;
  std::deque<moment> moments_;
};

// The workers of a run, each with its lane.
class crew {
public:
  // Delegates, so that the destructor gives back the lanes also where a worker cannot be made.
  crew(run_state& run, admission& entry) : crew(run) {
    std::uint64_t seed = seed_of(run.settings.options);
    for (std::size_t i = 0; i < run.settings.workers; ++i) {
      lanes_.push_back(&run.log.open_lane(run.ready, run.settings.window_items));
      workers_.push_back(std::make_unique<worker>(run, entry, *lanes_.back(), i, seed += 0x9e3779b97f4a7c15u));
    }
  }
  ~crew() {
    for (lane* one : lanes_) run_.log.close_lane(*one);
  }
  crew(const crew&) = delete;
  crew& operator=(const crew&) = delete;

  [[nodiscard]] std::vector<attempt_timer*> timers() {
    std::vector<attempt_timer*> all;
    for (const auto& one : workers_) all.push_back(&one->timer());
    return all;
  }
  void set_watch(watch& watcher) {
    for (const auto& one : workers_) one->set_watch(&watcher);
  }

  // The caller is worker 0.
  void work() {
    std::vector<std::thread> threads;
    threads.reserve(workers_.size());
    try {
      for (std::size_t i = 1; i < workers_.size(); ++i) threads.emplace_back([this, i] { work_as(i); });
    } catch (const std::system_error& failure) {
      run_.logger.warn("event=fewer_workers workflow={} wanted={} started={} reason=\"{}\"", run_.chain->name,
                       workers_.size(), threads.size() + 1, failure.what());
    }
    work_as(0);
    for (std::thread& one : threads) one.join();
  }

  // A slice of the work of the only worker.
  [[nodiscard]] bool work_until(std::uint64_t until_ns, bool commits) {
    const at_work mark(run_);
    workers_[0]->take_thread();
    try {
      return workers_[0]->work_until(until_ns, commits);
    } catch (...) {
      run_.fail(std::current_exception());
      run_.ready.log_failed();
      return false;
    }
  }

  // Everything that the workers wrote is durable; false where the log failed.
  [[nodiscard]] bool drain() {
    for (const lane* one : lanes_)
      while (one->pending() != 0) {
        if (run_.log.failed()) return false;
        if (!run_.log.commit_here(nullptr)) std::this_thread::sleep_for(std::chrono::microseconds(50));
      }
    if (run_.log.failed()) return false;
    for (const auto& one : workers_) one->end();
    return true;
  }

  [[nodiscard]] std::vector<step_report> step_reports() const {
    std::vector<step_report> reports;
    for (std::size_t step = 0; step < run_.chain->steps.size(); ++step) {
      step_counts all;
      for (const auto& one : workers_) {
        const step_counts& counts = one->counts()[step];
        all.completed += counts.completed;
        all.failures += counts.failures;
        all.retries += counts.retries;
        all.skips += counts.skips;
        all.times.merge(counts.times);
      }
      step_report of_step;
      of_step.name = run_.chain->steps[step].name;
      of_step.calls = all.times.count();
      of_step.completed = all.completed;
      of_step.failures = all.failures;
      of_step.retries = all.retries;
      of_step.skips = all.skips;
      of_step.total_s = static_cast<double>(all.times.total_ns()) * 1e-9;
      of_step.median_s = static_cast<double>(all.times.quantile_ns(0.5)) * 1e-9;
      of_step.p99_s = static_cast<double>(all.times.quantile_ns(0.99)) * 1e-9;
      of_step.max_s = static_cast<double>(all.times.max_ns()) * 1e-9;
      if (run_.loops[step]) of_step.loop = run_.loops[step]->report(*run_.chain->steps[step].loop);
      reports.push_back(std::move(of_step));
    }
    return reports;
  }

private:
  explicit crew(run_state& run) : run_(run) { lanes_.reserve(run.settings.workers); }

  // A worker itself throws only where memory is out or the engine is wrong: the run then ends with it.
  void work_as(std::size_t number) {
    const at_work mark(run_);
    const signal_stack stack(run_.flight != nullptr && run_.flight->handles_signals());
    workers_[number]->take_thread();
    try {
      workers_[number]->work();
    } catch (...) {
      run_.fail(std::current_exception());
      run_.ready.log_failed();
    }
  }

  run_state& run_;
  std::vector<lane*> lanes_;
  std::vector<std::unique_ptr<worker>> workers_;
};

report make_report(const run_state& run, const crew& workers, const backend_totals& before, bool stopped) {
  report made;
  const run_counts& counts = run.counts;
  const auto state = [&](item_state which) { return counts.by_state[static_cast<std::size_t>(which)].load(); };
  made.workflow = run.chain->name;
  made.items = counts.items;
  made.done = state(item_state::done);
  made.failed = state(item_state::failed);
  made.skipped = state(item_state::skipped);
  made.pending = state(item_state::pending);
  made.in_progress = state(item_state::in_progress);
  made.settled_before = counts.settled_before;
  made.vanished = counts.vanished;
  made.taken_over = counts.taken_over;
  made.duplicates = counts.duplicates;
  made.resumed = counts.resumed;
  made.steps_saved = counts.steps_saved;
  made.changed_inputs = counts.changed_inputs;
  made.redone = counts.redone;
  made.migrated = counts.migrated;
  made.held = counts.held;
  made.left = counts.left;
  made.stopped = stopped || made.pending + made.in_progress != counts.left_unfinished;
  made.seconds = static_cast<double>(run.time.now_ns() - run.started_ns) * 1e-9;
  made.steps = counts.steps;
  const backend_totals after = run.store.totals();
  made.commits = after.commits - before.commits;
  made.bytes = after.bytes - before.bytes;
  made.step_reports = workers.step_reports();
  for (const chain_revision& one : run.workflow.revisions)
    if (run.revision_seen(one.id)) tell_changes(run.verdicts.difference(one.id), made.changes);
  run.fill_entries(made);
  return made;
}

bool any_timeout(const detail::chain& chain) {
  return std::any_of(chain.steps.begin(), chain.steps.end(), [](const auto& step) { return step.timeout_s > 0; });
}

void check_transactions(const run_state& run) {
  if (!run.transactions) return;
  const std::string head = "run: workflow '" + run.chain->name + "' has a transactional step, and ";
  if (run.store.tables() == nullptr)
    throw error(errc::bad_argument, head + "where this engine records there are no tables; use a state directory");
  if (table_store::has_turn())
    throw error(errc::bad_argument, head + "a transactional step tried to run it; run it from outside of such a step");
}

void check_fans(const run_state& run) {
  for (std::size_t step = 0; step < run.fans.size(); ++step)
    for (const fan_queue* one : run.fans[step])
      if (one == nullptr)
        throw error(errc::bad_argument, "run: workflow '" + run.chain->name + "': step '" + run.chain->steps[step].name +
                                            "' fans out, and nobody runs its children; use a pawl::engine");
}

// What children refer to is in this run's items.
void end_children(const run_state& run) {
  for (const auto& step : run.fans)
    for (fan_queue* one : step) {
      one->close();
      one->wait();
    }
}

// What is left to do when the workers have come to their end.
report conclude(run_state& run, admission& entry, crew& workers, const backend_totals& before,
                std::optional<watch>& watcher, progress_maker& progress_of) {
  const run_options& options = run.settings.options;
  end_children(run);
  const bool durable = workers.drain();
  if (watcher) watcher->stop();
  entry.end_of_run(durable);
  if (run.children != nullptr) run.children->count_left();
  if (!durable) std::rethrow_exception(run.log.failure());
  run.store.flush();  // also where that is not asked of each step: what the report counts is on the disk
  if (const auto why = run.failure()) std::rethrow_exception(why);
  if (options.progress) {
    try {
      options.progress(progress_of.make(true));
    } catch (...) {
      throw error(errc::callback_failed,
                  "run: the progress callback threw in its last call; the run had ended and everything is recorded");
    }
  }
  return make_report(run, workers, before, run.stopping() && !entry.exhausted());
}

report run_session_from(run_state& run, admission& entry, std::optional<std::uint64_t> size_hint) {
  check_transactions(run);
  check_fans(run);
  const run_options& options = run.settings.options;
  const backend_totals before = run.store.totals();
  crew workers(run, entry);
  progress_maker progress_of(run, size_hint);

  std::optional<signal_guard> signals;
  if (options.stop_on_signals) signals.emplace();
  std::optional<watch> watcher;
  if (options.progress || options.stop_on_signals || any_timeout(*run.chain) || entry.is_shared()) {
    std::function<void()> tell;
    if (options.progress) tell = [&] { options.progress(progress_of.make(false)); };
    std::function<bool()> signalled;
    if (signals) signalled = [] { return signal_guard::received(); };
    std::function<void(std::uint64_t)> beat;
    if (entry.is_shared()) beat = [&entry](std::uint64_t now_ns) { entry.beat(now_ns); };
    watcher.emplace(run, workers.timers(), std::move(tell),
                    static_cast<std::uint64_t>(options.progress_interval.count() * 1e9), std::move(signalled),
                    std::move(beat));
    workers.set_watch(*watcher);
  }
  {
    const std::stop_callback on_stop(options.stop, [&] { run.stop(); });
    workers.work();
  }
  return conclude(run, entry, workers, before, watcher, progress_of);
}

}  // namespace

report run_session(run_state& run, const detail::erased_source& source) {
  admission entry(run, source);
  return run_session_from(run, entry, source.size);
}

report run_session(run_state& run, unfinished_items& source) {
  admission entry(run, source);
  return run_session_from(run, entry, source.size());
}

report run_session(run_state& run, submitted_items& source) {
  admission entry(run, source);
  return run_session_from(run, entry, std::nullopt);
}

report run_session(run_state& run, fan_queue& source) {
  run.children = &source;
  admission entry(run, source);
  return run_session_from(run, entry, std::nullopt);
}

struct hosted_session::parts {
  parts(run_state& of, submitted_items& source, bool committing)
      : run(of),
        entry(of, source),
        before(of.store.totals()),
        workers(of, entry),
        progress_of(of, std::nullopt),
        commits(committing),
        on_stop(of.settings.options.stop, [&of] { of.stop(); }) {
    check_transactions(of);
    if (!any_timeout(*of.chain)) return;
    watcher.emplace(of, workers.timers(), nullptr, 0, nullptr);
    workers.set_watch(*watcher);
  }

  run_state& run;
  admission entry;
  const backend_totals before;
  crew workers;
  progress_maker progress_of;
  std::optional<watch> watcher;
  const bool commits;
  const std::stop_callback<std::function<void()>> on_stop;
};

hosted_session::hosted_session(run_state& run, submitted_items& source, bool commits)
    : parts_(std::make_unique<parts>(run, source, commits)) {}

hosted_session::~hosted_session() = default;

bool hosted_session::work_until(std::uint64_t until_ns) { return parts_->workers.work_until(until_ns, parts_->commits); }

bool hosted_session::over() const { return parts_->entry.finished() || parts_->run.ready.broken(); }

report hosted_session::finish() {
  parts_->workers.work();
  return conclude(parts_->run, parts_->entry, parts_->workers, parts_->before, parts_->watcher, parts_->progress_of);
}

bool works_here_for(const run_state* run) noexcept { return working_for == run; }

}  // namespace pawl::core
