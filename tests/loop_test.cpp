// Steps in rounds: declared, run, interrupted in every way, and gone on with.
#include <pawl/pawl.hpp>
#include <pawl/testing.hpp>

#include "support/catch.hpp"
#include "support/quiet.hpp"
#include "support/temp_dir.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using pawl::test::logging_to;
using pawl::test::quiet;
using pawl::test::temp_dir;

namespace {

struct forgetful {
  int value = 0;
};

}  // namespace

// Does not give back a 3.
template <>
struct pawl::codec<forgetful> {
  static constexpr std::string_view name = "forgetful";
  static void encode(const forgetful& value, pawl::encoder& out) { out.put(value.value); }
  static forgetful decode(pawl::decoder& in) {
    const int value = in.get<int>();
    return {value == 3 ? 0 : value};
  }
};

namespace {

struct walk {
  std::uint64_t end = 0;
  std::uint64_t steps = 0;
  std::vector<double> places;
  friend bool operator==(const walk&, const walk&) = default;
};

// One round: every place moves by an amount that depends on all that went before, to the last bit.
pawl::round move(walk& now) {
  ++now.steps;
  for (std::size_t i = 0; i < now.places.size(); ++i)
    now.places[i] = std::sin(now.places[i] + static_cast<double>(i)) * 1.7 + now.places[(i + 1) % now.places.size()] * 0.3;
  return now.steps < now.end ? pawl::round::again : pawl::round::done;
}

walk begin(std::uint64_t end) { return {end, 0, std::vector<double>(500, 0.25)}; }
walk moved(std::uint64_t end) {
  walk now = begin(end);
  while (move(now) == pawl::round::again) {}
  return now;
}

// The workflow of most stories: rounds that are told to `each` before they are done.
template <class Each>
auto walks(Each each, const pawl::loop_options& options) {
  return pawl::workflow<"walks">(
      pawl::step<"begin">([](std::uint64_t end) { return begin(end); }),
      pawl::loop<"move">(
          [each](walk& now, pawl::context& ctx) {
            each(now, ctx);
            return move(now);
          },
          options),
      pawl::pure<"end">([](walk now) { return now; }));
}

constexpr auto nothing = [](walk&, pawl::context&) {};

const pawl::loop_report& loop_of(const pawl::report& report) { return *report.step_reports.at(1).loop; }

// A process that runs `work` and does not come back by itself.
template <class Work>
void die_in(Work work) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    try {
      work();
    } catch (...) {
    }
    ::_exit(1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
}

// A process that is killed before the round `at` of a walk of 100, which is checkpointed every ten.
void die_at(const std::filesystem::path& state, std::uint64_t at, pawl::durability durable = pawl::durability::power) {
  die_in([&] {
    pawl::engine_options options = quiet();
    options.durability = durable;
    pawl::engine engine(state, options);
    const auto dies = [&](walk&, pawl::context& ctx) {
      if (ctx.round() == at) ::kill(::getpid(), SIGKILL);
    };
    engine.run(walks(dies, {.every_rounds = 10}), std::vector<std::uint64_t>{100});
  });
}

std::vector<std::filesystem::path> slots_of(const std::filesystem::path& state) {
  std::vector<std::filesystem::path> files;
  if (std::filesystem::exists(state / "slots"))
    for (const auto& one : std::filesystem::directory_iterator(state / "slots")) files.push_back(one.path());
  std::sort(files.begin(), files.end());
  return files;
}

void flip_byte(const std::filesystem::path& path, std::streamoff at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(at);
  const int byte = file.get();
  file.seekp(at);
  file.put(static_cast<char>(byte ^ 1));
  REQUIRE(file.good());
}

}  // namespace

TEST_CASE("a loop goes round until it says that it is done, and its state is its result") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  std::vector<std::uint64_t> seen;
  const auto flow = walks([&](walk&, pawl::context& ctx) { seen.push_back(ctx.round()); }, {.every_rounds = 10});
  const pawl::report report = engine.run(flow, std::vector<std::uint64_t>{25});
  REQUIRE(report.done == 1);
  CHECK(engine.result(flow, 25).value() == moved(25));
  REQUIRE(seen.size() == 25);
  CHECK(seen.front() == 0);
  CHECK(seen.back() == 24);
  const pawl::loop_report& loop = loop_of(report);
  CHECK(loop.rounds == 25);
  CHECK(loop.checkpoints == 2);
  CHECK(loop.bytes == 2 * pawl::encode(moved(25)).size());
  CHECK(loop.resumed == 0);
  CHECK(loop.checkpoints_s > 0);
  CHECK(loop.rounds_s > 0);
  CHECK(report.step_reports.at(1).completed == 1);
  CHECK_FALSE(report.step_reports.at(0).loop);
  CHECK(pawl::to_string(report).find("move: 25 rounds in ") != std::string::npos);
  CHECK(pawl::to_json(report).find("\"loop\":{\"rounds\":25,\"checkpoints\":2,") != std::string::npos);
}

TEST_CASE("killed in any round, the next process goes on from the last checkpoint, with the same result bit by bit") {
  for (const auto durable : {pawl::durability::power, pawl::durability::process})
    for (const std::uint64_t at : {3u, 10u, 11u, 57u, 99u}) {
      CAPTURE(at);
      const temp_dir dir;
      die_at(dir / "state", at, durable);
      pawl::engine_options options = quiet();
      options.durability = durable;
      pawl::engine engine(dir / "state", options);
      std::uint64_t rounds = 0;
      const auto flow = walks([&](walk&, pawl::context&) { ++rounds; }, {.every_rounds = 10});
      const pawl::report report = engine.run(flow, std::vector<std::uint64_t>{100});
      CHECK(engine.result(flow, 100).value() == moved(100));
      CHECK(rounds == 100 - at / 10 * 10);
      CHECK(loop_of(report).resumed == (at < 10 ? 0u : 1u));
      CHECK(loop_of(report).rounds_saved == at / 10 * 10);
      CHECK(loop_of(report).rounds == rounds);
      CHECK(loop_of(report).started_over == 0);
    }
}

TEST_CASE("of two damaged checkpoints the good one is used; where both are, the loop starts over and says so") {
  for (const bool both : {false, true}) {
    const temp_dir dir;
    die_at(dir / "state", 57);
    const auto slots = slots_of(dir / "state");
    REQUIRE(slots.size() == 2);
    flip_byte(slots[0], 4096 + 1000);  // of rounds 10, 30 and 50
    if (both) flip_byte(slots[1], 4096 + 1000);
    std::ostringstream log;
    pawl::engine engine(dir / "state", logging_to(log));
    const auto flow = walks(nothing, {.every_rounds = 10});
    const pawl::report report = engine.run(flow, std::vector<std::uint64_t>{100});
    CHECK(engine.result(flow, 100).value() == moved(100));
    CHECK(loop_of(report).rounds_saved == (both ? 0u : 40u));
    CHECK(loop_of(report).started_over == (both ? 1u : 0u));
    CHECK(log.str().find("warning event=loop_checkpoint_unreadable workflow=walks key=\"100\" step=move") !=
          std::string::npos);
    CHECK((log.str().find("event=loop_started_over") != std::string::npos) == both);
    CHECK((pawl::to_string(report).find("started over") != std::string::npos) == both);
  }
}

TEST_CASE("a checkpoint of another version, another input or another generation is not gone on from") {
  {
    const temp_dir dir;
    die_at(dir / "state", 57);
    const auto newer = pawl::workflow<"walks">(
        pawl::step<"begin">([](std::uint64_t end) { return begin(end); }),
        pawl::loop<"move">([](walk& now) { return move(now); }, {.every_rounds = 10}).version(2),
        pawl::pure<"end">([](walk now) { return now; }));
    pawl::engine engine(dir / "state", quiet());
    const pawl::report report = engine.run(newer, std::vector<std::uint64_t>{100});
    CHECK(report.done == 1);
    CHECK(loop_of(report).rounds == 100);
    CHECK(loop_of(report).resumed == 0);
    CHECK(loop_of(report).started_over == 0);
    CHECK(engine.result(newer, 100).value() == moved(100));
  }
  {
    const temp_dir dir;
    const auto keyed = [](auto each) {
      return pawl::workflow<"inputs">(
                 pawl::step<"begin">([](const std::pair<int, std::uint64_t>& in) { return begin(in.second); }),
                 pawl::loop<"move">([each](walk& now, pawl::context& ctx) { return each(ctx), move(now); }, {.every_rounds = 1}))
          .key([](const std::pair<int, std::uint64_t>& in) { return in.first; });
    };
    using inputs = std::vector<std::pair<int, std::uint64_t>>;
    {
      pawl::engine engine(dir / "state", quiet());
      const auto stops = keyed([&](pawl::context& ctx) {
        if (ctx.round() == 5) engine.stop();
      });
      CHECK(engine.run(stops, inputs{{1, 20}}).stopped);
    }
    pawl::engine engine(dir / "state", quiet());
    const auto flow = keyed([](pawl::context&) {});
    const pawl::report report = engine.run(flow, inputs{{1, 30}});
    CHECK(report.changed_inputs == 1);
    CHECK(loop_of(report).rounds == 30);
    CHECK(engine.result(flow, 1).value() == moved(30));
  }
}

TEST_CASE("a stop ends a loop between two rounds, with a checkpoint") {
  const temp_dir dir;
  {
    pawl::engine engine(dir / "state", quiet());
    const auto stops = walks(
        [&](walk& now, pawl::context&) {
          if (now.steps == 36) engine.stop();
        },
        {.every_rounds = 10});
    const pawl::report report = engine.run(stops, std::vector<std::uint64_t>{100});
    CHECK(report.stopped);
    CHECK(report.in_progress == 1);
    CHECK(loop_of(report).rounds == 37);
    CHECK(loop_of(report).checkpoints == 4);
  }
  pawl::engine engine(dir / "state", quiet());
  const auto flow = walks(nothing, {.every_rounds = 10});
  const pawl::report report = engine.run(flow, std::vector<std::uint64_t>{100});
  CHECK(loop_of(report).rounds_saved == 37);
  CHECK(engine.result(flow, 100).value() == moved(100));
}

TEST_CASE("an exception fails the attempt; another attempt, or another run, goes on from the last checkpoint") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  std::vector<std::uint64_t> begun_at;
  int left = 2;
  const auto throwing = [&](walk& now, pawl::context& ctx) {
    if (begun_at.size() < ctx.attempt()) begun_at.push_back(ctx.round());
    if (now.steps == 25 && left-- > 0) {
      now.places.clear();  // whatever it leaves is not gone on with
      throw std::runtime_error("a bad round");
    }
  };
  const auto flow = pawl::workflow<"walks">(
      pawl::step<"begin">([](std::uint64_t end) { return begin(end); }),
      pawl::loop<"move">(
          [&](walk& now, pawl::context& ctx) {
            throwing(now, ctx);
            return move(now);
          },
          {.every_rounds = 10})
          .retry({.attempts = 5, .first_delay = 1ms}),
      pawl::pure<"end">([](walk now) { return now; }));
  const pawl::report report = engine.run(flow, std::vector<std::uint64_t>{40});
  CHECK(report.done == 1);
  CHECK(begun_at == std::vector<std::uint64_t>{0, 20, 20});
  CHECK(engine.result(flow, 40).value() == moved(40));

  left = 1;
  const auto once = walks(throwing, {.every_rounds = 10});
  CHECK(engine.run(once, std::vector<std::uint64_t>{50}).failed == 1);
  const pawl::report again = engine.run(once, std::vector<std::uint64_t>{50});
  CHECK(again.done == 1);
  CHECK(loop_of(again).rounds_saved == 20);
  CHECK(engine.result(once, 50).value() == moved(50));
}

TEST_CASE("a loop that would never end fails its item with a sentence, and goes on where the limit is raised") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  const auto limited = walks(nothing, {.every_rounds = 1000, .rounds_at_most = 30});
  const pawl::report failed = engine.run(limited, std::vector<std::uint64_t>{100, 20, 30});
  CHECK(failed.done == 2);
  REQUIRE(failed.first_failures.size() == 1);
  CHECK(failed.first_failures[0].key == "100");
  CHECK(failed.first_failures[0].reason.find("step 'move' did 30 rounds without returning pawl::round::done") !=
        std::string::npos);
  const auto raised = walks(nothing, {.every_rounds = 1000, .rounds_at_most = 100});
  const pawl::report report = engine.run(raised, std::vector<std::uint64_t>{100});
  CHECK(report.done == 1);
  CHECK(loop_of(report).rounds == 70);
  CHECK(engine.result(raised, 100).value() == moved(100));

  const auto skips = pawl::workflow<"skips">(
      pawl::loop<"count">([](std::uint64_t& n) { return ++n < 10 ? pawl::round::again : pawl::round::done; }, {.rounds_at_most = 3})
          .skip_on<pawl::too_many_rounds>(1));
  CHECK(engine.run(skips, std::vector<std::uint64_t>{1, 8}).skipped == 1);
}

TEST_CASE("a time-out ends an attempt between two rounds, and the next goes on") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  std::vector<std::uint64_t> begun_at;
  const auto flow = pawl::workflow<"walks">(
      pawl::step<"begin">([](std::uint64_t end) { return begin(end); }),
      pawl::loop<"move">(
          [&](walk& now, pawl::context& ctx) {
            if (begun_at.size() < ctx.attempt()) begun_at.push_back(ctx.round());
            while (now.steps == 13 && ctx.attempt() == 1 && !ctx.stop_requested()) std::this_thread::sleep_for(1ms);
            return move(now);
          },
          {.every_rounds = 1000})
          .timeout(50ms)
          .retry({.attempts = 20, .first_delay = 1ms}),
      pawl::pure<"end">([](walk now) { return now; }));
  CHECK(engine.run(flow, std::vector<std::uint64_t>{40}).done == 1);
  CHECK(begun_at.size() > 1);
  CHECK(begun_at.at(1) >= 1);
  CHECK(engine.result(flow, 40).value() == moved(40));
}

TEST_CASE("loops of a sweep write over each other's slots, and a closed state keeps none that nobody needs") {
  const temp_dir dir;
  std::size_t most = 0;
  {
    pawl::engine_options one_at_a_time = quiet();
    one_at_a_time.window_items = 1;
    pawl::engine engine(dir / "state", one_at_a_time);
    const auto flow = walks([&](walk&, pawl::context&) { most = std::max(most, slots_of(dir / "state").size()); },
                            {.every_rounds = 3});
    CHECK(engine.run(flow, std::vector<std::uint64_t>{10, 11, 12, 13, 14, 15}).done == 6);
  }
  CHECK(most == 2);
  CHECK(slots_of(dir / "state").empty());

  // Killed behind the loop: its slots are still there, and nobody needs them.
  die_in([&] {
    pawl::engine engine(dir / "state", quiet());
    const auto flow = pawl::workflow<"walks">(
        pawl::step<"begin">([](std::uint64_t end) { return begin(end); }),
        pawl::loop<"move">([](walk& now) { return move(now); }, {.every_rounds = 3}),
        pawl::step<"end">([](walk) { ::kill(::getpid(), SIGKILL); }));
    engine.run(flow, std::vector<std::uint64_t>{20});
  });
  CHECK(slots_of(dir / "state").size() == 2);
  {
    pawl::engine engine(dir / "state", quiet());
    CHECK(slots_of(dir / "state").size() == 2);
    CHECK(engine.run(walks(nothing, {}), std::vector<std::uint64_t>{10}).settled_before == 1);
  }
  CHECK(slots_of(dir / "state").empty());

  // Killed inside it: they are needed, whatever else runs or is opened meanwhile.
  die_at(dir / "state", 57);
  for (int i = 0; i < 2; ++i) {
    pawl::engine engine(dir / "state", quiet());
    engine.run(pawl::workflow<"other">(pawl::pure<"same">([](std::uint64_t n) { return n; })), std::vector<std::uint64_t>{1});
    engine.run(walks(nothing, {}), std::vector<std::uint64_t>{10});
  }
  CHECK(slots_of(dir / "state").size() == 2);
  pawl::engine engine(dir / "state", quiet());
  CHECK(loop_of(engine.run(walks(nothing, {.every_rounds = 10}), std::vector<std::uint64_t>{100})).rounds_saved == 50);
}

TEST_CASE("an item that is skipped in a round gives its slots free") {
  const temp_dir dir;
  {
    pawl::engine engine(dir / "state", quiet());
    const auto skips = walks(
        [](walk& now, pawl::context&) {
          if (now.steps == 12) throw pawl::skip_item("enough");
        },
        {.every_rounds = 5});
    CHECK(engine.run(skips, std::vector<std::uint64_t>{20}).skipped == 1);
    CHECK(slots_of(dir / "state").size() == 2);
  }
  CHECK(slots_of(dir / "state").empty());
}

TEST_CASE("a disk that is full at a checkpoint ends the run and not the item; the next run goes on") {
  const temp_dir dir;
  const auto big = [](std::uint64_t end) { return walk{end, 0, std::vector<double>(1'500'000, 0.25)}; };
  const auto flow = [&](auto each) {
    return pawl::workflow<"big">(pawl::step<"begin">(big), pawl::loop<"move">(
                                                               [each](walk& now, pawl::context& ctx) {
                                                                 each(ctx);
                                                                 return ++now.steps < now.end ? pawl::round::again : pawl::round::done;
                                                               },
                                                               {.every_rounds = 2})
                                                               .discard());
  };
  pawl::engine_options options = quiet();
  options.check_codecs = false;
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  {
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    pawl::engine engine(dir / "state", options);
    const auto fills = flow([&](pawl::context& ctx) {
      rlimit small = before;
      small.rlim_cur = 11 << 20;
      if (ctx.round() == 5) ::setrlimit(RLIMIT_FSIZE, &small);
    });
    pawl::errc code{};
    try {
      engine.run(fills, std::vector<std::uint64_t>{20});
    } catch (const pawl::error& failure) {
      code = failure.code();
    }
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
    std::signal(SIGXFSZ, handler);
    CHECK(code == pawl::errc::disk_full);
  }
  pawl::engine engine(dir / "state", options);
  const pawl::report report = engine.run(flow([](pawl::context&) {}), std::vector<std::uint64_t>{20});
  CHECK(report.done == 1);
  CHECK(report.resumed == 1);
  CHECK(report.step_reports.at(1).loop->rounds_saved == 4);
}

TEST_CASE("a codec that does not give the state back is found at the first checkpoint") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  const auto flow = pawl::workflow<"w">(pawl::step<"a">([](int n) { return forgetful{n}; }),
                                        pawl::loop<"b">([](forgetful& s) { return (s.value += 2) < 5 ? pawl::round::again : pawl::round::done; },
                                                        {.every_rounds = 1}));
  const pawl::report report = engine.run(flow, std::vector<int>{0, 1});
  CHECK(report.done == 1);
  CHECK(report.failed == 1);
  CHECK(report.first_failures.at(0).reason.find("is not the same after encoding and decoding") != std::string::npos);
}

namespace {

struct solver {
  std::uint64_t step = 3;
  pawl::round advance(std::uint64_t& n) const { return (n += step) < 10 ? pawl::round::again : pawl::round::done; }
};

}  // namespace

TEST_CASE("a loop takes any function that takes its state by reference, and can be called alone") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  const solver by_three;
  const auto flow = pawl::workflow<"shapes">(
      pawl::loop<"first">([](std::uint64_t& n) { return ++n < 5 ? pawl::round::again : pawl::round::done; }),
      pawl::loop<"generic">([](auto& n) { return ++n < 6 ? pawl::round::again : pawl::round::done; }, {.overhead_at_most = 0.5}),
      pawl::loop<"generic_with_context">([](auto& n, pawl::context& ctx) {
        ++n;
        return ctx.round() < 1 ? pawl::round::again : pawl::round::done;
      }),
      pawl::loop<"member">(&solver::advance, &by_three, {.every = 1s}),
      pawl::loop<"reads">([](pawl::context&, pawl::from<"first", std::uint64_t> first, std::uint64_t& n,
                             pawl::item<std::uint64_t> input) {
        n += *first * 100 + *input * 1000;
        return n < 2000 ? pawl::round::again : pawl::round::done;
      }));
  const pawl::report report = engine.run(flow, std::vector<std::uint64_t>{1});
  REQUIRE(report.done == 1);
  // 1 -> 5 -> 6 -> 8 -> 11 -> + 1,500 twice
  CHECK(engine.result(flow, 1) == 3011u);
  std::vector<std::uint64_t> rounds;
  for (const auto& step : report.step_reports) rounds.push_back(step.loop->rounds);
  CHECK(rounds == std::vector<std::uint64_t>{4, 1, 2, 1, 2});

  pawl::test_context ctx;
  const auto alone = pawl::loop<"alone">([](int& n, pawl::context& c) {
    n += static_cast<int>(c.round());
    return n < 10 ? pawl::round::again : pawl::round::done;
  });
  CHECK(alone(0, ctx) == 10);  // 0 + 1 + 2 + 3 + 4
  CHECK(ctx.round() == 5);
}

TEST_CASE("options that make no sense are refused by name") {
  const auto refused = [](const pawl::loop_options& options) -> std::string {
    try {
      static_cast<void>(pawl::loop<"integrate">([](int&) { return pawl::round::done; }, options));
    } catch (const pawl::error& failure) {
      CHECK(failure.code() == pawl::errc::bad_argument);
      return failure.what();
    }
    return {};
  };
  CHECK(refused({}).empty());
  CHECK(refused({.mtbf = 24h, .rounds_at_most = 5}).empty());
  CHECK(refused({.mtbf = 24h, .every = 60s}).find("step 'integrate': of mtbf, overhead_at_most, every_rounds and every") !=
        std::string::npos);
  CHECK(refused({.overhead_at_most = 0.1, .every_rounds = 1}) != "");
  CHECK(refused({.overhead_at_most = 1.5}).find("between 0 and 1") != std::string::npos);
  CHECK(refused({.overhead_at_most = std::nan("")}) != "");
  CHECK(refused({.mtbf = pawl::seconds(-1)}) != "");
  CHECK(refused({.every = pawl::seconds(INFINITY)}) != "");
}
