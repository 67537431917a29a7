// At most once: a step whose start is recorded before it is called, and whatever ends the process.
#include <pawl/inspect.hpp>
#include <pawl/pawl.hpp>

#include "support/asked.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/quiet.hpp"
#include "support/temp_dir.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

using Catch::Contains;
using pawl::durability;
using pawl::errc;
using pawl::item_state;
using pawl::test::quiet;
using pawl::test::temp_dir;

namespace {

constexpr int items = 2000;

std::vector<int> numbers() {
  std::vector<int> all;
  for (int i = 0; i < items; ++i) all.push_back(i);
  return all;
}

// Evidence from outside: each call writes its item's number into a file, which outlives the process.
void tell(const std::filesystem::path& log, int item) {
  const std::string line = std::to_string(item) + "\n";
  const int file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (file < 0 || ::write(file, line.data(), line.size()) != static_cast<ssize_t>(line.size())) ::_exit(9);
  ::close(file);
}

std::map<int, int> calls_in(const std::filesystem::path& log) {
  std::map<int, int> calls;
  std::ifstream in(log);
  for (int item = 0; in >> item;) ++calls[item];
  return calls;
}

pawl::engine_options options_of(durability mode) {
  pawl::engine_options options = quiet();
  options.durability = mode;
  return options;
}

template <class Mail>
auto chain_of(Mail mail) {
  return pawl::workflow<"letters">(pawl::step<"write">([](int n) { return "to " + std::to_string(n); }), std::move(mail),
                                   pawl::step<"file">([](const std::string&) {}));
}

// Runs until it is killed in the call of the `victim`th letter, before its effect or behind it; true where it came to its end.
bool run_and_die(const std::filesystem::path& state, const std::filesystem::path& log, durability mode, int victim,
                 bool behind, bool at_most_once) {
  pawl::test::child_process child([&](int) {
    int sent = 0;
    auto mail = pawl::step<"mail">([&](const std::string& letter, pawl::item<int> n) {
      const bool dies = ++sent == victim;
      if (dies && !behind) ::kill(::getpid(), SIGKILL);
      tell(log, n);
      if (dies) ::kill(::getpid(), SIGKILL);
      return letter;
    });
    pawl::engine engine(state, options_of(mode));
    if (at_most_once) engine.run(chain_of(std::move(mail).at_most_once().concurrency(2)), numbers());
    else engine.run(chain_of(std::move(mail)), numbers());
    return 0;
  });
  return child.wait() == 0;
}

pawl::item_view look(const pawl::engine& engine, int key) {
  const auto found = pawl::state_view(engine.state()).item("letters", key);
  REQUIRE(found);
  return *found;
}

struct ending {
  int kills = 0;
  int most_calls = 0;
  int called = 0;
};

// Kills again and again, and runs to the end at last.
ending kill_often(const temp_dir& dir, durability mode, bool at_most_once, std::mt19937_64& random) {
  ending seen;
  for (int tries = 0; tries < 60; ++tries)
    if (!run_and_die(dir / "s", dir / "log", mode, 1 + static_cast<int>(random() % 6), random() % 2 == 0, at_most_once)) ++seen.kills;
  REQUIRE(run_and_die(dir / "s", dir / "log", mode, -1, false, at_most_once));
  for (const auto& [item, calls] : calls_in(dir / "log")) {
    seen.most_calls = std::max(seen.most_calls, calls);
    ++seen.called;
  }
  return seen;
}

}  // namespace

TEST_CASE("killed between start and end, a step that is called at most once is never called again") {
  const auto seed = pawl::test::asked_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (const durability mode : {durability::power, durability::process}) {
    const temp_dir dir;
    const ending seen = kill_often(dir, mode, true, random);
    CHECK(seen.kills >= 50);
    CHECK(seen.most_calls == 1);

    const auto calls = calls_in(dir / "log");
    int unknown = 0;
    pawl::engine engine(dir / "s", options_of(mode));
    for (int n = 0; n < items; ++n) {
      const auto item = look(engine, n);
      if (item.state == item_state::failed) {
        ++unknown;
        CHECK(item.sticky);
        CHECK_THAT(item.error, Contains("outcome unknown") && Contains("'mail'"));
      } else {
        REQUIRE(item.state == item_state::done);
        REQUIRE(calls.count(n) == 1);
      }
    }
    // Each kill leaves the one whose call it ended, and at most one more that was started.
    CHECK(unknown >= seen.kills);
    CHECK(unknown <= 2 * seen.kills);
    // It stays so.
    const auto again = engine.run(chain_of(pawl::step<"mail">([](const std::string& letter) { return letter; }).at_most_once()), numbers());
    CHECK(again.failed == static_cast<std::uint64_t>(unknown));
    CHECK(again.steps == 0);
  }
}

// What the test above must be able to see.
TEST_CASE("the same kills call a step twice that is not declared so") {
  std::mt19937_64 random(pawl::test::asked_seed());
  const temp_dir dir;
  CHECK(kill_often(dir, durability::power, false, random).most_calls > 1);
}

TEST_CASE("whoever reopens the item has it called again") {
  const temp_dir dir;
  int calls = 0;
  REQUIRE_FALSE(run_and_die(dir / "s", dir / "log", durability::power, 3, true, true));
  pawl::engine engine(dir / "s", quiet());
  const auto mail = chain_of(pawl::step<"mail">([&](const std::string& letter) {
                               ++calls;
                               return letter;
                             }).at_most_once());
  const auto planned = engine.plan(mail);
  const auto first = engine.run(mail, numbers());
  REQUIRE(first.failed > 0);
  CHECK(planned.held == first.failed);
  CHECK_THAT(planned.first_held.at(0).reason, Contains("outcome unknown"));
  const int before = calls;
  const auto opened = engine.retry("letters", {.sticky = true});
  CHECK(opened.changed == first.failed);
  CHECK(engine.run(mail, numbers()).done == items);
  CHECK(calls == before + static_cast<int>(first.failed));
}

TEST_CASE("a call that throws is not repeated either, and its reason stands") {
  const temp_dir dir;
  int calls = 0;
  pawl::engine engine(dir / "s", quiet());
  const auto mail = chain_of(pawl::step<"mail">([&](const std::string& letter, pawl::item<int> n) {
                               ++calls;
                               if (n == 7) throw std::runtime_error("the line broke");
                               return letter;
                             }).at_most_once().concurrency(2));
  CHECK(engine.run(mail, numbers()).failed == 1);
  CHECK(engine.run(mail, numbers()).failed == 1);
  CHECK(calls == items);
  CHECK_THAT(look(engine, 7).error, Contains("the line broke"));
}

TEST_CASE("a stop does not come between the record of a start and the call") {
  const temp_dir dir;
  std::atomic<int> calls{0};
  pawl::engine* running = nullptr;
  const auto mail = chain_of(pawl::step<"mail">([&](const std::string& letter) {
                               if (++calls == 20) running->stop();
                               return letter;
                             }).at_most_once());
  {
    pawl::engine engine(dir / "s", quiet());
    running = &engine;
    const auto stopped = engine.run(mail, numbers());
    CHECK(stopped.stopped);
    CHECK(stopped.failed == 0);
  }
  pawl::engine engine(dir / "s", quiet());
  CHECK(engine.run(mail, numbers()).done == items);
  CHECK(calls == items);
}

TEST_CASE("at most once and a retry contradict each other, whichever comes first") {
  const auto code_of = [](const std::function<void()>& make) {
    try {
      make();
    } catch (const pawl::error& failure) {
      CHECK_THAT(failure.what(), Contains("at_most_once and retry contradict"));
      return failure.code();
    }
    return errc{};
  };
  const auto mail = [](const std::string& letter) { return letter; };
  CHECK(code_of([&] { (void)pawl::step<"mail">(mail).at_most_once().retry({.attempts = 2}); }) == errc::bad_argument);
  CHECK(code_of([&] { (void)pawl::step<"mail">(mail).retry({.attempts = 2}).at_most_once(); }) == errc::bad_argument);
  CHECK(code_of([&] { (void)pawl::step<"mail">(mail).at_most_once().retry_on<std::runtime_error>({}); }) == errc::bad_argument);
}
