// Ways in which an item comes back that once went wrong.
#include <pawl/pawl.hpp>

#include "support/catch.hpp"
#include "support/numbers.hpp"
#include "support/quiet.hpp"
#include "support/temp_dir.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using pawl::test::numbers;
using pawl::test::quiet;
using pawl::test::temp_dir;

namespace {

struct moody {
  int number = 0;
};

}  // namespace

// Encodes all and refuses to decode two of them, each in another way.
template <>
struct pawl::codec<moody> {
  static constexpr std::string_view name = "moody";
  static void encode(const moody& value, pawl::encoder& out) { out.put(value.number); }
  static moody decode(pawl::decoder& in) {
    const moody value{in.get<int>()};
    if (value.number == 1) throw std::domain_error("no ones");
    if (value.number == 2) throw 2;
    return value;
  }
};

namespace {

struct order {
  std::int64_t id = 0;
  std::string what;
};

pawl::run_options with(pawl::on_changed_input what) {
  pawl::run_options options;
  options.on_changed_input = what;
  return options;
}

}  // namespace

TEST_CASE("an item that had failed in a step which is gone is done with what it has") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  const auto a = [](int n) { return n + 1; };
  const auto failing = pawl::step<"c">([](int n) {
    if (n >= 0) throw std::runtime_error("down");
    return n;
  });
  CHECK(engine.run(pawl::workflow<"w">(pawl::step<"a">(a), pawl::step<"b">(a), failing), numbers(3)).failed == 3);
  const auto shorter = pawl::workflow<"w">(pawl::step<"a">(a), pawl::step<"b">(a));
  CHECK(engine.plan(shorter).go_on == 3);
  const pawl::report report = engine.run(shorter, numbers(3));
  CHECK(report.done == 3);
  CHECK(report.steps == 0);
  CHECK(engine.result(shorter, 1) == 3);
  CHECK(engine.run(shorter, numbers(3)).settled_before == 3);
}

TEST_CASE("an item that failed because its input changed is done again when the old input is back") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  const auto w = pawl::workflow<"w">(pawl::step<"s">([](const order& o) { return o.what; })).key(&order::id);
  CHECK(engine.run(w, std::vector<order>{{1, "tea"}}).done == 1);
  CHECK(engine.run(w, std::vector<order>{{1, "milk"}}, with(pawl::on_changed_input::fail)).failed == 1);
  CHECK(engine.run(w, std::vector<order>{{1, "tea"}}).done == 1);
  CHECK(engine.result(w, 1) == "tea");
}

TEST_CASE("an ignored input is really ignored: the recorded one is used") {
  const temp_dir dir;
  bool broken = true;
  const auto w = pawl::workflow<"w">(pawl::step<"s">([&](const order& o) {
                   if (broken) throw std::runtime_error("down");
                   return o.what;
                 })).key(&order::id);
  pawl::engine engine(dir / "state", quiet());
  CHECK(engine.run(w, std::vector<order>{{1, "tea"}}).failed == 1);
  broken = false;
  CHECK(engine.run(w, std::vector<order>{{1, "milk"}}, with(pawl::on_changed_input::ignore)).done == 1);
  CHECK(engine.result(w, 1) == "tea");
}

TEST_CASE("an effect whose admission a crash forgot gets another idempotency key for another input") {
  const temp_dir dir;
  const auto run = [&](const std::string& what, bool die) {
    const pid_t child = ::fork();
    if (child == 0) {
      const auto w = pawl::workflow<"w">(pawl::step<"s">([&](const order& o, pawl::context& ctx) {
                       std::ofstream(dir / "keys", std::ios::app) << ctx.idempotency_key() << '\n';
                       if (die) ::_exit(0);
                       return o.what;
                     })).key(&order::id);
      pawl::engine engine(dir / "state", quiet());
      engine.run(w, std::vector<order>{{1, what}});
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(status == 0);
  };
  run("tea", true);
  run("milk", false);
  std::ifstream in(dir / "keys");
  std::set<std::string> keys;
  for (std::string key; std::getline(in, key);) keys.insert(key);
  CHECK(keys.size() == 2);
}

TEST_CASE("failed attempts belong to a step: another one in its place begins at 1") {
  const temp_dir dir;
  pawl::engine_options options = quiet();
  std::stop_source source;
  pawl::run_options stopping;
  stopping.stop = source.get_token();
  pawl::engine engine(dir / "state", options);
  const auto b = pawl::step<"b">([&](int n, pawl::context& ctx) -> int {
    if (ctx.attempt() == 3) source.request_stop();
    if (n >= 0) throw std::runtime_error("down");
    return n;
  }).retry({.attempts = 5, .first_delay = 1ms});
  const auto a = [](int n) { return n; };
  CHECK(engine.run(pawl::workflow<"w">(pawl::pure<"a">(a), b), numbers(1), stopping).in_progress == 1);
  std::uint32_t attempt = 0;
  const auto fresh = pawl::step<"fresh">([&](int n, pawl::context& ctx) {
    attempt = ctx.attempt();
    return n;
  });
  CHECK(engine.run(pawl::workflow<"w">(pawl::pure<"a">(a), fresh), numbers(1)).done == 1);
  CHECK(attempt == 1);
}

TEST_CASE("a done item that lacks a step which was added does that step and no other again") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  std::atomic<int> first = 0;
  const auto a = pawl::step<"a">([&](int n) {
    ++first;
    return n;
  });
  CHECK(engine.run(pawl::workflow<"w">(a), numbers(3)).done == 3);
  const auto longer = pawl::workflow<"w">(a, pawl::step<"b">([](int n) { return n + 10; }));
  pawl::run_options rerun;
  rerun.on_changed_chain = pawl::on_changed_chain::rerun;
  CHECK(engine.plan(longer, rerun).go_on == 3);
  const pawl::report report = engine.run(longer, numbers(3), rerun);
  CHECK(report.done == 3);
  CHECK(report.redone == 0);
  CHECK(first == 3);
  CHECK(engine.result(longer, 2) == 12);
}

TEST_CASE("superseded large results do not stay on the disk while a run goes on") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  std::size_t most = 0;
  const auto grow = [&](const std::string& s) {
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir / "state" / "blobs")) if (entry.is_regular_file()) ++files;
    most = std::max(most, files);
    return s + "x";
  };
  const auto w = pawl::workflow<"w">(pawl::step<"a">([](int) { return std::string(800'000, 'x'); }), pawl::step<"b">(grow),
                                     pawl::step<"c">(grow), pawl::step<"d">(grow), pawl::step<"e">(grow),
                                     pawl::step<"f">(grow), pawl::step<"g">(grow), pawl::step<"h">(grow));
  CHECK(engine.run(w, numbers(1)).done == 1);
  CHECK(most <= 3);
  CHECK(engine.result(w, 0)->size() == 800'007);
}

TEST_CASE("many short chains on several workers keep the order of an item's records") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet(4));
  const auto id = [](int n) { return n; };
  const auto w = pawl::workflow<"w">(pawl::pure<"a">(id), pawl::pure<"b">(id).concurrency(2), pawl::pure<"c">(id));
  CHECK(engine.run(w, numbers(30'000)).done == 30'000);
}

TEST_CASE("a codec that throws anything fails its item and not the run") {
  const temp_dir dir;
  bool broken = true;
  const auto w = pawl::workflow<"w">(pawl::step<"make">([](int n) { return moody{n}; }), pawl::step<"use">([&](const moody& m) {
                                       if (broken) throw std::runtime_error("down");
                                       return m.number;
                                     }));
  pawl::engine_options options = quiet();
  options.check_codecs = false;
  pawl::engine engine(dir / "state", options);
  CHECK(engine.run(w, numbers(5)).failed == 5);
  broken = false;
  const pawl::report report = engine.run(w, numbers(5));
  CHECK(report.done == 3);
  CHECK(report.failed == 2);
  CHECK(report.items == 5);
}

TEST_CASE("a slow source does not hold back what it has given") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet(2));
  std::atomic<int> pulled_at_first_call = -1;
  std::atomic<int> pulled = 0;
  const auto w = pawl::workflow<"w">(pawl::step<"s">([&](int n) {
    int none = -1;
    pulled_at_first_call.compare_exchange_strong(none, pulled.load());
    return n;
  }));
  engine.run(w, pawl::generate([&]() -> std::optional<int> {
               if (pulled == 40) return std::nullopt;
               std::this_thread::sleep_for(3ms);
               return pulled++;
             }));
  CHECK(pulled_at_first_call <= 4);
}
