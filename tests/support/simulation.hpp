// The whole of a run, simulated: a clock that only the simulation moves, a backend in memory, three workflows at once
// on one thread, and a process that dies at random moments, in front of a commit, behind one, and between. Steps fail,
// are tried again, are skipped, wait for a turn. One seed is one story, the same each time.
//
// Beside it goes a model, which sees calls, from outside, and commits, as the disk sees them. It knows of every call
// whether it may happen, and of every item how it must end.
#pragma once

#include "record/key.hpp"
#include "run/checkpoint_log.hpp"
#include "run/recorded_chain.hpp"
#include "submit_session.hpp"
#include "support/memory_backend.hpp"
#include "support/quiet.hpp"

#include <pawl/pawl.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace pawl::test {

class simulated_clock final : public core::clock {
public:
  std::uint64_t now_ns() noexcept override { return now_ += 40; }  // looking takes time, so every loop ends
  std::uint64_t unix_us() noexcept override { return unix_us_at_zero + now_ / 1000; }
  void pass(std::uint64_t ns) noexcept { now_ += ns; }
  [[nodiscard]] std::uint64_t seen() const noexcept { return now_; }
  std::uint64_t unix_us_at_zero = 1'700'000'000'000'000;

private:
  std::uint64_t now_ = 1'000'000'000;
};

struct simulated_totals {
  std::uint64_t calls = 0;
  std::uint64_t lives = 0;
  std::uint64_t items = 0;
  std::uint64_t unknown = 0;  // items whose outcome nobody can know
};

// What the model finds wrong.
struct contradiction : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class simulation {
public:
  explicit simulation(std::uint64_t seed)
      : seed_(seed),
        random_(seed),
        store_({.before_commit = [this](std::uint64_t) { before_commit(); },
                .committed = [this](const core::checkpoint& one) { note_durable(one); },
                .after_commit = [this](std::uint64_t) { after_commit(); }}) {
    make_workflows();
  }

  // A sentence where something promised does not hold.
  [[nodiscard]] std::optional<std::string> run() {
    try {
      for (;;) {
        ++totals.lives;
        if (live()) break;
        // The next process: what was going on is gone, its clocks begin anew, and the wall clock may have been set.
        for (auto& one : items_) one.second.forget_process();
        if (chance(10)) time_.unix_us_at_zero += random_() % 7'200'000'000 - 3'600'000'000;
        store_.reopen();
      }
      if (wrong_) return wrong_;
      judge_ends();
      return wrong_;
    } catch (const contradiction& found) {
      return found.what();
    }
  }

  simulated_totals totals;

private:
  static constexpr std::int64_t items_of_a_workflow = 40;
  enum class fate : std::uint8_t { completes, fails, skips };
  struct step_rule {
    bool pure = false;
    bool once = false;          // at most
    std::uint32_t attempts = 1;
    std::uint64_t delay_ns = 0;  // of the first retry, at least
  };
  struct rules {
    std::string workflow;
    std::vector<step_rule> steps;
  };
  // What the model knows of an item.
  struct known_item {
    // Durable.
    std::uint32_t completed = 0;
    std::uint32_t failed_attempts = 0;
    bool started = false;  // at most once, without an end
    std::optional<item_state> ended;
    // Of this process.
    std::uint32_t completed_here = 0;
    std::uint64_t failed_at_ns = 0;
    // Of the world.
    std::map<std::uint32_t, std::uint32_t> calls;  // of steps at most once
    bool unknown = false;

    void forget_process() {
      completed_here = completed;
      failed_at_ns = 0;
      if (started && !ended) unknown = true;
    }
  };
  using name = std::pair<std::size_t, std::int64_t>;  // workflow, key

  // ---- the world that chance rules ----

  bool chance(unsigned percent) { return random_() % 100 < percent; }
  static std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    std::uint64_t x = a * 0x9e3779b97f4a7c15u + b;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
  }
  // The same in each life: what is decided by chance is decided once.
  [[nodiscard]] fate fate_of(const name& item, std::uint32_t step, std::uint32_t attempt) const {
    const std::uint64_t at = mix(mix(mix(seed_, item.first), static_cast<std::uint64_t>(item.second)), step * 16 + attempt) % 100;
    return at < 10 ? fate::fails : at == 10 ? fate::skips : fate::completes;
  }
  [[nodiscard]] static std::uint64_t value_behind(const name& item, std::uint32_t steps) {
    auto value = static_cast<std::uint64_t>(item.second);
    for (std::uint32_t step = 0; step < steps; ++step) value = mix(value, step + 1);
    return value;
  }

  // ---- what is called ----

  std::uint64_t call(std::size_t workflow, std::uint32_t step, std::int64_t key, std::uint64_t value, std::uint32_t attempt) {
    if (dead_) throw std::runtime_error("this process is dead");
    ++totals.calls;
    const name item{workflow, key};
    known_item& known = items_[item];
    check_call(item, known, step, value, attempt);
    const step_rule& rule = rules_[workflow].steps[step];
    if (rule.once) ++known.calls[step];
    time_.pass(random_() % (chance(2) ? 300'000'000 : 30'000));
    switch (fate_of(item, step, attempt)) {
      case fate::fails: known.failed_at_ns = time_.seen(); throw std::runtime_error("as it had to be");
      case fate::skips: throw skip_item("as it had to be");
      case fate::completes: break;
    }
    known.completed_here = step + 1;
    return mix(value, step + 1);
  }

  void check_call(const name& item, const known_item& known, std::uint32_t step, std::uint64_t value, std::uint32_t attempt) {
    const auto wrong = [&](const std::string& what) {
      wrong_ = "step " + std::to_string(step) + " of item " + std::to_string(item.second) + " of " + rules_[item.first].workflow +
               " was called " + what;
      throw contradiction(*wrong_);
    };
    const step_rule& rule = rules_[item.first].steps[step];
    if (known.ended) wrong("though its item has ended");
    if (step < known.completed) wrong("though its completion is durable");
    if (!rule.pure && step > known.completed) wrong("before all in front of it was durable");
    if (rule.pure && step > std::max(known.completed, known.completed_here)) wrong("before the step in front of it");
    if (step < known.completed_here) wrong("again in one process");
    if (value != value_behind(item, step)) wrong("with another value than the step in front of it returned");
    const std::uint32_t failed = step == known.completed ? known.failed_attempts : 0;
    if (attempt != failed + 1)
      wrong("as attempt " + std::to_string(attempt) + ", and " + std::to_string(failed) + " failed attempts are durable");
    if (attempt > 1 && known.failed_at_ns != 0 && time_.seen() < known.failed_at_ns + rule.delay_ns) wrong("before its back-off was over");
    if (rule.once && known.calls.contains(step)) wrong("a second time, and may be called once at most");
    if (rule.once && !known.started) wrong("before it was durable that it would be");
    if (known.unknown) wrong("though nobody knows whether it was called before");
  }

  // ---- what the disk sees ----

  void before_commit() {
    if (dead_) throw error(errc::io, "simulation: this process is dead");
    time_.pass(random_() % (chance(5) ? 200'000'000 : 3'000'000));
    if (chance(1)) die("simulation: the machine stops in front of a commit", errc::io);
    if (random_() % 400 == 0) die("simulation: the disk is full", errc::disk_full);
  }
  void after_commit() {
    if (chance(1)) die("simulation: the machine stops behind a commit", errc::io);
  }
  [[noreturn]] void die(const char* sentence, errc code) {
    dead_ = true;
    throw error(code, sentence);
  }

  void note_durable(const core::checkpoint& one) {
    const auto& header = one.header;
    const std::size_t workflow = workflow_of_id_.at(header.workflow);
    if (header.kind == core::checkpoint_kind::admitted) {
      const auto typed = core::split_key(one.text);
      key_of_id_[{workflow, header.item}] = static_cast<std::int64_t>(typed.number);
      return;
    }
    known_item& item = items_[{workflow, key_of_id_.at({workflow, header.item})}];
    using enum core::checkpoint_kind;
    const bool last = (header.flags & core::checkpoint_flag::last) != 0;
    switch (header.kind) {
      case completed:
        item.completed = header.step + std::uint32_t{1};
        item.failed_attempts = 0;
        item.started = false;
        if (last) item.ended = item_state::done;
        break;
      case attempt_failed: item.failed_attempts = header.attempt; break;
      case failed:
        item.ended = item_state::failed;
        item.started = false;
        break;
      case skipped:
        item.ended = item_state::skipped;
        item.started = false;
        break;
      case started: item.started = true; break;
      case interrupted: break;
      default: throw contradiction("a record of a kind that nothing here asks for");
    }
  }

  // ---- a process ----

  class begun final : public core::begun_run {
  public:
    begun(simulation& of, const std::shared_ptr<const detail::chain>& chain, core::checkpoint_log& log, std::size_t workflow)
        : record_(of.open(*chain, log, workflow)),
          logger_(quiet().logger),
          run_(chain, record_, of.store_, log, of.time_, *logger_, settings(of)) {}
    core::run_state& state() noexcept override { return run_; }
    report conclude(const std::function<report()>& work) override { return work(); }

  private:
    static core::run_settings settings(simulation& of) {
      core::run_settings chosen;
      chosen.window_items = 16;
      chosen.options.on_failed = on_failed::keep;
      chosen.options.seed = of.random_();
      return chosen;
    }
    core::workflow_record record_;
    std::shared_ptr<spdlog::logger> logger_;
    core::run_state run_;
  };

  core::workflow_record open(const detail::chain& chain, core::checkpoint_log& log, std::size_t workflow) {
    core::workflow_record record;
    const core::recorded_chain recorded(chain);
    log.between_commits([&] { record = store_.open_workflow(chain.name, recorded.revision(), recorded.schemas()); });
    workflow_of_id_[record.id] = workflow;
    return record;
  }

  // True where it came to its end, with everything ended; false where it died.
  bool live() {
    dead_ = false;
    const auto door = std::make_shared<core::state_door>(store_);
    core::checkpoint_log log(store_, false);
    std::vector<std::unique_ptr<core::submit_session>> sessions;
    std::vector<std::int64_t> next(chains_.size(), 0);
    bool ended = false;
    try {
      for (std::size_t i = 0; i < chains_.size(); ++i)
        sessions.push_back(std::make_unique<core::submit_session>(
            std::make_unique<begun>(*this, chains_[i], log, i),
            std::make_shared<core::submission_pool>(chains_[i], door, durability::power), threads::none));
      for (bool more = true; more && !dead_;) {
        more = false;
        const std::size_t at = random_() % sessions.size();
        submit_some(*sessions[at], next[at]);
        if (!sessions[at]->work_until(time_.seen() + random_() % 2'000'000)) time_.pass(random_() % 500'000'000);
        if (random_() % 2000 == 0) dead_ = true;
        for (std::size_t i = 0; i < sessions.size(); ++i) more |= next[i] < items_of_a_workflow || sessions[i]->items().in_flight() != 0;
      }
      for (std::size_t i = 0; !dead_ && i < sessions.size(); ++i) check_report(sessions[i]->close(), i);
      ended = !dead_;
    } catch (const contradiction&) {
      dead_ = true;
      throw;
    } catch (const error&) {
      if (!dead_) throw;
    }
    dead_ = true;  // what the destructors try is not heard any more
    sessions.clear();
    door->close();
    return ended || wrong_;
  }

  void submit_some(core::submit_session& session, std::int64_t& next) {
    for (std::uint64_t count = random_() % 4; count != 0 && next < items_of_a_workflow; --count) {
      std::int64_t key = chance(5) && next != 0 ? static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(next)) : next;
      const detail::erased_input input{&key, [](void* self, void* storage) {
                                         ::new (storage) std::int64_t(*static_cast<std::int64_t*>(self));
                                       }};
      if (session.submit(input, false).empty()) return;
      if (key == next) ++next;
    }
  }

  void check_report(const report& made, std::size_t workflow) {
    const std::uint64_t ended = made.done + made.failed + made.skipped;
    // A key that is submitted again when its item has ended counts again.
    if (ended != made.items || ended < static_cast<std::uint64_t>(items_of_a_workflow) || made.pending + made.in_progress != 0)
      throw contradiction("the report of " + rules_[workflow].workflow + " counts " + std::to_string(made.items) + " items and " +
                          std::to_string(ended) + " that have ended");
  }

  // ---- how it must have ended ----

  [[nodiscard]] std::pair<item_state, std::uint32_t> end_of(const name& item) const {
    const auto& steps = rules_[item.first].steps;
    for (std::uint32_t step = 0; step < steps.size(); ++step)
      for (std::uint32_t attempt = 1;; ++attempt) {
        const fate way = fate_of(item, step, attempt);
        if (way == fate::completes) break;
        if (way == fate::skips) return {item_state::skipped, step};
        if (attempt == steps[step].attempts) return {item_state::failed, step};
      }
    return {item_state::done, static_cast<std::uint32_t>(steps.size())};
  }

  void judge_ends() {
    const auto view = store_.read();
    for (const auto& entry : workflow_of_id_) {  // Clang 14's lambdas do not capture structured bindings
      const auto id = entry.first;
      const auto workflow = entry.second;
      std::int64_t seen = 0;
      core::stored_item stored;
      view->scan(id, 0, nullptr, [&](const core::stored_item& row) {
        ++seen;
        const name item{workflow, key_of_id_.at({workflow, row.id})};
        judge_end(item, row, *view, id);
        return !wrong_;
      });
      if (!wrong_ && seen != items_of_a_workflow) wrong_ = rules_[workflow].workflow + " has " + std::to_string(seen) + " items";
      totals.items += static_cast<std::uint64_t>(seen);
    }
  }

  void judge_end(const name& item, const core::stored_item& row, core::snapshot& view, core::workflow_id id) {
    const auto [state, step] = end_of(item);
    const known_item& known = items_[item];
    const std::string who = "item " + std::to_string(item.second) + " of " + rules_[item.first].workflow;
    if (known.unknown) {
      ++totals.unknown;
      if (row.state != item_state::failed || !row.sticky || row.error.find("outcome unknown") == std::string_view::npos)
        wrong_ = who + " was started at most once, died, and is not said to be of unknown outcome";
      return;
    }
    if (row.state != state || row.reached != step)
      wrong_ = who + " ended in state " + std::string(name_of(row.state)) + " behind " + std::to_string(row.reached) +
               " steps and must be " + std::string(name_of(state)) + " behind " + std::to_string(step);
    if (state != item_state::done || wrong_) return;
    std::vector<std::byte> bytes;
    core::stored_item again;
    static_cast<void>(view.load(id, row.id, again));
    view.fetch(id, again, again.result, bytes);
    if (decode<std::uint64_t>(bytes) != value_behind(item, step)) wrong_ = who + " has another result than its steps returned";
  }

  // ---- the workflows ----

  template <detail::fixed_string Name>
  auto first(std::size_t workflow) {
    return step<Name>([this, workflow](std::int64_t key, context& ctx) {
      return call(workflow, 0, key, static_cast<std::uint64_t>(key), ctx.attempt());
    });
  }
  auto body(std::size_t workflow, std::uint32_t number) {
    return [this, workflow, number](std::uint64_t value, item<std::int64_t> of, context& ctx) {
      return call(workflow, number, of, value, ctx.attempt());
    };
  }

  void make_workflows() {
    using namespace std::chrono_literals;
    const retry_options soon{.attempts = 3, .first_delay = 100ms, .factor = 2, .max_delay = 1s, .jitter = 0};
    const retry_options late{.attempts = 2, .first_delay = 2s, .factor = 1, .max_delay = 2s, .jitter = 0};
    const step_rule effect{};
    const step_rule pure_one{.pure = true};
    const step_rule again{.attempts = 3, .delay_ns = 100'000'000};
    const step_rule later{.attempts = 2, .delay_ns = 2'000'000'000};
    add({"alpha", {again, pure_one, {.once = true}, pure_one, pure_one, effect}},
        workflow<"alpha">(first<"a">(0).retry(soon), pure<"b">(body(0, 1)), step<"c">(body(0, 2)).at_most_once(), pure<"d">(body(0, 3)),
                          pure<"e">(body(0, 4)), step<"f">(body(0, 5))));
    add({"beta", {effect, pure_one, later, effect, effect, pure_one}},
        workflow<"beta">(first<"a">(1), pure<"b">(body(1, 1)), step<"c">(body(1, 2)).retry(late), step<"d">(body(1, 3)).keep(),
                         step<"e">(body(1, 4)).concurrency(2), pure<"f">(body(1, 5))));
    add({"gamma", {effect, effect, again}},
        workflow<"gamma">(first<"a">(2), step<"b">(body(2, 1)).rate_limit({.calls = 5, .per = 1s}), step<"c">(body(2, 2)).retry(soon)));
  }

  template <class Workflow>
  void add(rules how, const Workflow& made) {
    rules_.push_back(std::move(how));
    chains_.push_back(detail::chain_of(made));
  }

  const std::uint64_t seed_;
  std::mt19937_64 random_;
  simulated_clock time_;
  memory_backend store_;
  std::vector<rules> rules_;
  std::vector<std::shared_ptr<const detail::chain>> chains_;
  std::map<name, known_item> items_;
  std::map<core::workflow_id, std::size_t> workflow_of_id_;
  std::map<std::pair<std::size_t, core::item_id>, std::int64_t> key_of_id_;
  bool dead_ = false;
  std::optional<std::string> wrong_;
};

}  // namespace pawl::test
