// The public engine: a state directory, its checkpoint log, and the runs under way.
#include <pawl/engine.hpp>

#include "amend.hpp"
#include "child_run.hpp"
#include "flight/recorder.hpp"
#include "inspect/typed_key.hpp"
#include "plan.hpp"
#include "prune.hpp"
#include "record/key.hpp"
#include "results.hpp"
#include "run/checkpoint_log.hpp"
#include "run/encode.hpp"
#include "run/loop.hpp"
#include "run/recorded_chain.hpp"
#include "run/session.hpp"
#include "slots/slot_store.hpp"
#include "state/open.hpp"
#include "store/claims.hpp"
#include "store/table_access.hpp"
#include "store/workflows.hpp"
#include "submissions.hpp"
#include "tell/default_logger.hpp"

#include <pawl/detail/chain_draft.hpp>
#include <pawl/error.hpp>

#include <spdlog/spdlog.h>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace pawl {
namespace {

core::run_settings settings_of(const engine_options& options, const run_options& run) {
  core::run_settings settings;
  settings.workers = options.workers != 0 ? options.workers : std::max(1u, std::thread::hardware_concurrency());
  if (options.threads != threads::workers) settings.workers = 1;
  settings.window_items = options.window_items;
  settings.window_bytes = options.window_bytes;
#ifdef NDEBUG
  settings.check_codecs = options.check_codecs.value_or(false);
#else
  settings.check_codecs = options.check_codecs.value_or(true);
#endif
  settings.options = run;
  return settings;
}

}  // namespace

struct engine::impl {
  impl(const std::filesystem::path& path, const engine_options& chosen)
      : state(path),
        options(chosen),
        logger(chosen.logger ? chosen.logger : core::default_logger()),
        store(open_store(path, chosen, *logger)),
        slots(open_slots(path, chosen, *store, *logger)),
        flight(open_flight(path, chosen, *store, *logger)),
        log(*store, chosen.threads != threads::none),
        submitted(*store, chosen, [this](const auto& chain, const run_options& run) { return begin(chain, run); }) {}

  [[nodiscard]] static bool shares(const engine_options& chosen) { return chosen.opening == opening::shared; }

  static std::unique_ptr<core::backend> open_store(const std::filesystem::path& path, const engine_options& chosen,
                                                   spdlog::logger& tell) {
    std::vector<std::string> warnings;
    core::state_options how;
    how.shared = shares(chosen);
    how.durability = chosen.durability;
    how.journal_bytes = chosen.journal_bytes;
    how.flush_interval = std::chrono::duration_cast<std::chrono::nanoseconds>(chosen.flush_interval);
    how.applying.own_thread = chosen.threads != threads::none;
    how.warnings = &warnings;
    std::unique_ptr<core::backend> opened = core::open_state(path, how);
    for (const std::string& warning : warnings) tell.warn("event=state_warning reason=\"{}\"", core::printable(warning));
    return opened;
  }

  static std::unique_ptr<core::slot_store> open_slots(const std::filesystem::path& path, const engine_options& chosen,
                                                      core::backend& store, spdlog::logger& tell) {
    std::vector<std::string> warnings;
    const auto directory = std::filesystem::canonical(path) / "slots";
    auto opened = std::make_unique<core::slot_store>(core::machine_files(), directory, store.uuid(), chosen.durability,
                                                     std::filesystem::exists(directory), warnings,
                                                     store.claims() != nullptr ? store.claims()->own_number() : 0);
    for (const std::string& warning : warnings) tell.warn("event=state_warning reason=\"{}\"", core::printable(warning));
    return opened;
  }

  static std::unique_ptr<core::flight_recorder> open_flight(const std::filesystem::path& path,
                                                            const engine_options& chosen, core::backend& store,
                                                            spdlog::logger& tell) {
    core::flight_options how;
    how.directory = std::filesystem::canonical(path) / "flight";
    how.slots = std::max<std::size_t>(64, 4 * settings_of(chosen, {}).workers);
    how.handlers = chosen.crash_handlers;
    how.max_crashes = chosen.max_crashes;
    core::flight_company company;
    core::claim_store* const claims = store.claims();
    if (claims != nullptr) {
      company.own = claims->own_number();
      company.is_there = [claims](std::uint64_t number) { return claims->is_there(number); };
    }
    std::vector<std::string> warnings;
    std::vector<std::string> told;
    auto opened = std::make_unique<core::flight_recorder>(core::machine_files(), how, store,
                                                          claims != nullptr ? &company : nullptr, warnings, told);
    for (const std::string& one : told) tell.warn("{}", one);
    for (const std::string& warning : warnings) tell.warn("event=state_warning reason=\"{}\"", core::printable(warning));
    return opened;
  }

  // A run registers itself so that stop() and the destructor find it.
  class registration {
  public:
    registration(impl& owner, core::run_state& run) : owner_(owner), run_(run) {
      const std::scoped_lock lock(owner_.mutex);
      owner_.runs.push_back(&run_);
      if (owner_.closing) run_.stop();
    }
    ~registration() {
      const std::scoped_lock lock(owner_.mutex);
      std::erase(owner_.runs, &run_);
    }
    registration(const registration&) = delete;
    registration& operator=(const registration&) = delete;

  private:
    impl& owner_;
    core::run_state& run_;
  };

  // One run of a workflow at a time; and the engine is not closed under it.
  class admission_ticket {
  public:
    admission_ticket(impl& owner, const std::string& name) : owner_(owner), name_(name) {
      const std::scoped_lock lock(owner_.mutex);
      if (owner_.closing) throw error(errc::stopped, "engine: it is being closed; no run can start");
      if (std::find(owner_.running.begin(), owner_.running.end(), name) != owner_.running.end())
        throw error(errc::bad_argument, "engine: a run of workflow '" + name +
                                            "' is under way (while it is submitted to, too); wait for it or close it, or run "
                                            "another workflow beside it");
      owner_.running.push_back(name);
    }
    ~admission_ticket() {
      const std::scoped_lock lock(owner_.mutex);
      std::erase(owner_.running, name_);
      owner_.run_ended.notify_all();  // under the lock: the engine may be gone right after it
    }
    admission_ticket(const admission_ticket&) = delete;
    admission_ticket& operator=(const admission_ticket&) = delete;

  private:
    impl& owner_;
    const std::string name_;
  };

  // What is opened again for good is not to be failed at once for what it did before.
  void forgive_crashes(std::string_view workflow) const {
    if (!flight || !flight->knows_any()) return;
    for (const core::workflow_record& one : store->read()->workflows())
      if (one.name == workflow) flight->forgive(one.id);
  }

  void stop_runs() noexcept {
    const std::scoped_lock lock(mutex);
    for (core::run_state* run : runs) run->stop();
  }

  // What the log says of it.
  [[nodiscard]] std::string told(const std::exception& failure) const {
    if (options.values_in_logs) return core::printable(failure.what());
    const auto* const ours = dynamic_cast<const error*>(&failure);
    return std::string(ours != nullptr ? name_of(ours->code()) : "an exception") +
           "; what it says is left out, because values_in_logs is off: whoever called run() has it";
  }

  void throw_if_failed() const {
    if (log.failed())
      throw error(errc::stopped,
                  "engine: it stopped when the state could not be written; what was acknowledged is safe; close it and "
                  "open the state again");
  }

  class run_under_way;
  // A run of this workflow, which begins: with its ticket.
  [[nodiscard]] std::unique_ptr<core::begun_run> begin(const std::shared_ptr<const detail::chain>& chain,
                                                       const run_options& chosen);
  // The same, from its ticket to its report; `session` is what it does.
  [[nodiscard]] report run(const std::shared_ptr<const detail::chain>& chain, const run_options& chosen,
                           const std::function<report(core::run_state&)>& session);
  void check_submits() const;
  // Items of this workflow are changed while no run of it is under way. `change` gets a core::commit_group.
  template <class Change>
  void amend(const std::string& workflow, const Change& change);

  const std::filesystem::path state;
  const engine_options options;
  const std::shared_ptr<spdlog::logger> logger;
  const std::unique_ptr<core::backend> store;
  const std::unique_ptr<core::slot_store> slots;
  const std::unique_ptr<core::flight_recorder> flight;
  core::checkpoint_log log;

  // The three below. Recursive, because a stop calls the stop callbacks of steps, and one may call stop().
  std::recursive_mutex mutex;
  std::condition_variable_any run_ended;
  std::vector<std::string> running;
  std::vector<core::run_state*> runs;
  bool closing = false;

  core::submissions submitted;
};

namespace {

void check(const engine_options& options) {
  const auto refuse = [](const std::string& what) { throw error(errc::bad_argument, "engine: " + what); };
  if (options.durability != durability::power && options.durability != durability::process)
    refuse("durability must be power or process");
  if (options.journal_bytes < (std::uint64_t{16} << 20) || options.journal_bytes > (std::uint64_t{1} << 40))
    refuse("journal_bytes must be between 16 MiB and 1 TiB; leave it out for 256 MiB");
  if (!(options.flush_interval.count() > 0) || options.flush_interval.count() > 3600)
    refuse("flush_interval must be above 0 and at most an hour; leave it out for 100 ms");
  if (options.threads != threads::workers && options.threads != threads::flusher && options.threads != threads::none)
    refuse("threads must be workers, flusher or none");
  if (options.opening != opening::exclusive && options.opening != opening::shared)
    refuse("opening must be exclusive or shared");
  if (options.opening == opening::shared) {
    if (options.durability != durability::power)
      refuse("opening::shared has no journal, and so no durability but power; leave durability out");
    if (options.threads != threads::workers) refuse("opening::shared needs threads of its own; leave threads out");
  }
  if (options.window_items == 0) refuse("window_items must be at least 1; leave it out for 8,192");
  if (options.window_items > (std::size_t{1} << 24)) refuse("window_items must be at most 16,777,216; leave it out for 8,192");
  if (options.window_bytes == 0) refuse("window_bytes must be at least 1; leave it out for 64 MiB");
  if (options.workers > 4096) refuse("workers must be at most 4,096; 0 means one per core");
}

void check(const detail::chain& chain, const run_options& options) {
  const auto refuse = [&](const std::string& what) {
    throw error(errc::bad_argument, "run: workflow '" + chain.name + "': " + what);
  };
  if (chain.key == nullptr)
    refuse("its input of type " + std::string(chain.input->cpp_name) +
           " is not its own key; say what an item is called by .key(&type::member) on the workflow");
  if (chain.steps.size() > 4096) refuse("it has more than 4,096 steps");
  if (!(options.progress_interval.count() >= 0)) refuse("progress_interval must not be negative");
}

// Children run beside their parents.
void check_fans(const detail::chain& chain) {
  for (const detail::erased_step& step : chain.steps)
    if (step.fan)
      throw error(errc::bad_argument, "run: workflow '" + chain.name + "': step '" + step.name +
                                          "' has children, which need threads of their own; open the engine with "
                                          "threads::workers");
}

// Of the children in a run of their parents. Keys decide: what is recorded of a child counts, whatever its source gives now.
run_options options_of_children(const run_options& parents) {
  run_options options;
  options.on_failed = parents.on_failed;
  options.on_changed_chain = parents.on_changed_chain;
  options.on_changed_input = on_changed_input::ignore;
  options.seed = parents.seed;
  return options;
}

// What several processes would have to agree on beyond whose an item is.
void check_shared(const detail::chain& chain) {
  const auto refuse = [&](const std::string& what) {
    throw error(errc::bad_argument, "run: workflow '" + chain.name + "': " + what +
                                        " cannot be had where several processes share a state; open the engine with "
                                        "opening::exclusive");
  };
  for (const detail::erased_step& step : chain.steps) {
    if (step.fan) refuse("step '" + step.name + "', which makes children (pawl::each or pawl::parallel),");
  }
  if (!chain.input_is_key && chain.input->encode == nullptr)
    refuse("an input of type " + std::string(chain.input->cpp_name) +
           ", which has no codec and is not its own key, so that nobody could take an item over,");
}

// Without threads nobody looks at a clock beside the steps.
void check_threadless(const detail::chain& chain, const run_options& options) {
  const auto refuse = [&](const std::string& what) {
    throw error(errc::bad_argument,
                "run: workflow '" + chain.name + "': " + what + " needs a thread; open the engine with threads::flusher");
  };
  if (options.progress) refuse("a progress callback");
  if (options.stop_on_signals) refuse("stop_on_signals");
  for (const detail::erased_step& step : chain.steps) {
    if (step.timeout_s > 0) refuse("the time-out of step '" + step.name + "'");
    if (step.kind == step_kind::transactional) refuse("the transactional step '" + step.name + "'");
  }
}

std::vector<std::string> stored_keys(const std::vector<any_key>& keys) {
  std::vector<std::string> typed;
  typed.reserve(keys.size());
  for (const any_key& key : keys) typed.push_back(core::stored_key(key));
  return typed;
}

}  // namespace

engine::engine(const std::filesystem::path& state, const engine_options& options) {
  check(options);
  try {
    impl_ = std::make_unique<impl>(state, options);
  } catch (const std::system_error& failure) {
    throw error(errc::io, std::string("engine: a thread or a file could not be had from the system: ") + failure.what() +
                              "; raise the limit on threads or files and try again");
  }
}

engine::~engine() {
  if (!impl_) return;
  std::unique_lock lock(impl_->mutex);
  impl_->closing = true;
  for (core::run_state* run : impl_->runs) run->stop();
  lock.unlock();
  impl_->submitted.end();
  lock.lock();
  impl_->run_ended.wait(lock, [this] { return impl_->running.empty(); });
}

engine::engine(engine&& other) noexcept = default;

engine& engine::operator=(engine&& other) noexcept {
  engine old(std::move(*this));
  impl_ = std::move(other.impl_);
  return *this;
}

void engine::stop() noexcept { impl_->stop_runs(); }

const std::filesystem::path& engine::state() const noexcept { return impl_->state; }

// What a run holds while it is under way.
class engine::impl::run_under_way final : public core::begun_run {
public:
  run_under_way(impl& owner, const std::shared_ptr<const detail::chain>& chain, const run_options& chosen)
      : owner_(owner),
        ticket_(owner, chain->name),
        record_(open_workflow(*chain)),
        run_(chain, record_, *owner.store, owner.log, core::system_clock(), *owner.logger,
             settings_of(owner.options, chosen)),
        registered_(owner, run_) {
    run_.slots = owner.slots.get();
    run_.flight = owner.flight.get();
    core::release_unneeded_slots(run_);
    owner.logger->info("event=run_started workflow={} workers={} next_item={}", chain->name, run_.settings.workers,
                       record_.next_item);
    for (const core::chain_revision& old : record_.revisions) {
      const core::chain_difference& change = run_.verdicts.difference(old.id);
      for (const std::string& one : change.migrations)
        owner.logger->info("event=results_migrate workflow={} revision={} change=\"{}\"", chain->name, old.id, core::printable(one));
      if (!change.input.empty())
        owner.logger->warn("event=chain_changed workflow={} revision={} change=\"{}\"", chain->name, old.id,
                           core::printable(change.input));
      if (!change.identical)
        owner.logger->warn("event=chain_changed workflow={} revision={} change=\"{}\"", chain->name, old.id,
                           core::printable(change.text));
    }
    begin_children(chosen);
  }

  core::run_state& state() noexcept override { return run_; }

  report conclude(const std::function<report()>& work) override {
    const std::string& name = run_.chain->name;
    try {
      report made = work();
      for (const auto& one : children_) made.children.push_back(one->finish());
      owner_.logger->info(
          "event=run_finished workflow={} items={} done={} failed={} skipped={} pending={} in_progress={} resumed={} "
          "steps_saved={} seconds={:.3f}",
          name, made.items, made.done, made.failed, made.skipped, made.pending, made.in_progress, made.resumed,
          made.steps_saved, made.seconds);
      retain(made);
      return made;
    } catch (const std::system_error& failure) {
      core::throw_no_thread(failure);
    } catch (const std::exception& failure) {
      owner_.logger->error("event=run_failed workflow={} reason=\"{}\"", name, owner_.told(failure));
      throw;
    }
  }

private:
  // What .retain says. The run is over and recorded, whatever becomes of this.
  void retain(report& made) {
    const std::optional<detail::retain_rule>& rule = run_.chain->retain;
    if (!rule || made.stopped) return;
    const std::string& name = run_.chain->name;
    if (shares(owner_.options)) {
      owner_.logger->info("event=retention_waits workflow={} reason=\"the state is shared; open it alone\"", name);
      return;
    }
    try {
      owner_.store->settle();
      const auto view = owner_.store->read();
      const core::workflow_record now = core::workflow_named(view->workflows(), name);
      const std::uint64_t now_us = run_.time.unix_us();
      if (!core::worth_pruning(now, view->count(now.id), *rule, now_us)) return;
      view->release();
      const prune_report pruned = core::prune_items(*owner_.store, name, *rule, {now_us, run_.started_us},
                                                    {.enough = [this] { return run_.stopping(); }});
      made.removed = pruned.removed;
      owner_.logger->info("event=items_removed workflow={} removed={} by_age={} by_count={} doubted={}", name,
                          pruned.removed, pruned.by_age, pruned.by_count, pruned.doubted);
    } catch (const std::exception& failure) {
      owner_.logger->error("event=retention_failed workflow={} reason=\"{}\"", name, owner_.told(failure));
    }
  }

  void begin_children(const run_options& chosen) {
    const std::vector<detail::erased_step>& steps = run_.chain->steps;
    for (std::size_t step = 0; step < steps.size(); ++step)
      for (std::size_t number = 0; number < run_.fans[step].size(); ++number)
        children_.push_back(std::make_unique<core::child_run>(
            owner_.begin(steps[step].fan->chains[number], options_of_children(chosen)), run_, step, number));
  }

  core::workflow_record open_workflow(const detail::chain& chain) {
    const core::recorded_chain recorded(chain);
    core::workflow_record record;
    owner_.store->settle();  // what earlier runs recorded must be seen, or items would be admitted twice
    owner_.log.between_commits(
        [&] { record = owner_.store->open_workflow(chain.name, recorded.revision(), recorded.schemas()); });
    return record;
  }

  impl& owner_;
  const admission_ticket ticket_;
  const core::workflow_record record_;
  core::run_state run_;
  const registration registered_;
  std::vector<std::unique_ptr<core::child_run>> children_;
};

std::unique_ptr<core::begun_run> engine::impl::begin(const std::shared_ptr<const detail::chain>& chain,
                                                     const run_options& chosen) {
  check(*chain, chosen);
  if (options.threads == threads::none) check_threadless(*chain, chosen);
  if (options.threads != threads::workers) check_fans(*chain);
  if (shares(options)) check_shared(*chain);
  throw_if_failed();
  try {
    return std::make_unique<run_under_way>(*this, chain, chosen);
  } catch (const std::system_error& failure) {  // of its children
    core::throw_no_thread(failure);
  }
}

report engine::impl::run(const std::shared_ptr<const detail::chain>& chain, const run_options& chosen,
                         const std::function<report(core::run_state&)>& session) {
  const std::unique_ptr<core::begun_run> begun = begin(chain, chosen);
  return begun->conclude([&] { return session(begun->state()); });
}

report engine::run_erased(std::shared_ptr<const detail::chain> chain, const detail::erased_source& source,
                          const run_options& options) {
  return impl_->run(chain, options, [&](core::run_state& run) { return core::run_session(run, source); });
}

report engine::resume_erased(std::shared_ptr<const detail::chain> chain, const run_options& options) {
  return impl_->run(chain, options, [](core::run_state& run) {
    core::unfinished_items stored(run.store, run.workflow);
    return core::run_session(run, stored);
  });
}

template <class Change>
void engine::impl::amend(const std::string& workflow, const Change& change) {
  if (shares(options))
    throw error(errc::bad_argument, "engine: rerun, retry, skip and prune need the state alone: close all engines that share "
                                    "it, and open one with opening::exclusive for them");
  throw_if_failed();
  const admission_ticket ticket(*this, workflow);
  store->settle();
  change([this](std::span<const std::byte> group) { log.between_commits([&] { store->commit({&group, 1}); }); });
  store->flush();  // also where that is not asked of each step
}

amend_report engine::rerun_erased(const std::string& workflow, const detail::chain* chain, std::string_view from_step,
                                  const rerun_options& options) {
  amend_report made;
  impl_->amend(workflow, [&](const core::commit_group& commit) {
    made = core::rerun_items(*impl_->store, commit, workflow, chain, from_step, stored_keys(options.keys), options);
  });
  return made;
}

amend_report engine::rerun(std::string_view workflow, std::string_view from_step, const rerun_options& options) {
  return rerun_erased(std::string(workflow), nullptr, from_step, options);
}

amend_report engine::retry(std::string_view workflow, const reopen_options& options) {
  amend_report made;
  impl_->amend(std::string(workflow), [&](const core::commit_group& commit) {
    made = core::reopen_items(*impl_->store, commit, workflow, stored_keys(options.keys), options);
    impl_->forgive_crashes(workflow);
  });
  return made;
}

void engine::skip(std::string_view workflow, const any_key& key, std::string_view reason) {
  impl_->amend(std::string(workflow), [&](const core::commit_group& commit) {
    core::skip_item(*impl_->store, commit, workflow, core::stored_key(key), reason);
  });
}

prune_report engine::prune(std::string_view workflow, const retain_options& limits, bool dry_run) {
  const detail::retain_rule rule = detail::retain_rule_of(limits, "prune");
  prune_report made;
  impl_->amend(std::string(workflow), [&](const core::commit_group&) {
    made = core::prune_items(*impl_->store, workflow, rule, {.now_us = core::system_clock().unix_us()},
                             {.dry_run = dry_run});
  });
  return made;
}

void engine::impl::check_submits() const {
  if (shares(options))
    throw error(errc::bad_argument, "engine: open, submit and find need the state alone (opening::exclusive); where several "
                                    "processes share it, items come from the sources of runs, and result() reads what came of them");
}

void engine::open_erased(std::shared_ptr<const detail::chain> chain, const run_options& options) {
  impl_->check_submits();
  impl_->submitted.open(chain, options);
}

report engine::close_erased(const std::shared_ptr<const detail::chain>& chain) { return impl_->submitted.close(*chain); }

detail::submission_ref engine::submit_erased(const std::shared_ptr<const detail::chain>& chain,
                                             const detail::erased_input& input, bool may_wait) {
  impl_->check_submits();
  return impl_->submitted.submit(chain, input, may_wait);
}

detail::submission_ref engine::find_erased(const std::shared_ptr<const detail::chain>& chain,
                                           const std::string& typed_key) {
  impl_->check_submits();
  return impl_->submitted.find(chain, typed_key);
}

poll_result engine::poll(seconds budget) { return impl_->submitted.poll(budget); }

bool engine::read_result(const detail::chain& chain, const std::string& typed_key, const detail::value_type& type,
                         void* storage) const {
  return core::read_result(*impl_->store, chain, typed_key, type, storage);
}

table_view engine::view() const {
  return table_view(std::make_unique<core::viewed_tables>(impl_->store->tables()->read_tables()));
}

plan engine::plan_erased(std::shared_ptr<const detail::chain> chain, const run_options& options) const {
  check(*chain, options);
  pawl::plan made = core::make_plan(*impl_->store, *chain, options);
  core::leave_plan(impl_->state, made);
  return made;
}

struct detail::result_cursor::impl {
  core::result_reader reader;
};

detail::result_cursor::result_cursor(const engine& of, std::shared_ptr<const chain> workflow)
    : impl_(new impl{core::result_reader(*of.impl_->store, std::move(workflow))}) {}

detail::result_cursor::~result_cursor() = default;

bool detail::result_cursor::next(std::string& key, const value_type& type, void* storage) {
  return impl_->reader.next(key, type, storage);
}

std::string detail::typed_key(void (*write)(const void* key, key_sink& into), const void* key) {
  std::string typed;
  core::key_writer writer(typed);
  write(key, writer);
  return typed;
}

}  // namespace pawl
