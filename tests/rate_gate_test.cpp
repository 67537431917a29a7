// At most so many calls begin in any interval; who waits holds no thread, and nobody is forgotten.
#include "run/rate_gate.hpp"
#include "support/asked.hpp"
#include "support/catch.hpp"
#include "support/null_backend.hpp"
#include "support/numbers.hpp"
#include "support/run_over.hpp"
#include "support/temp_dir.hpp"

#include <pawl/pawl.hpp>

#include <algorithm>
#include <atomic>
#include <limits>
#include <random>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using namespace pawl;
using namespace pawl::core;
using pawl::test::numbers;
using pawl::test::quiet;
using pawl::test::temp_dir;

namespace {

constexpr std::size_t window = 64;

// A gate with a timer queue and a clock of the test's own.
struct machine {
  explicit machine(std::uint64_t calls, double per_s = 1e-6) : gate({calls, per_s}, window), items(window) {}

  bool enter(std::size_t item) {
    item_group out;
    const bool begins = gate.enter(&items[item], now_ns, out);
    for (active_item* one : out) timers.insert({one->due_ns, one});
    if (begins) begun.push_back(now_ns);
    return begins;
  }
  // The earliest timer fires, `late_ns` too late.
  void fire(std::uint64_t late_ns = 0) {
    const auto [due_ns, item] = *timers.begin();
    timers.erase(timers.begin());
    now_ns = std::max(now_ns, due_ns) + late_ns;
    static_cast<void>(enter(static_cast<std::size_t>(item - &items[0])));
  }

  rate_gate gate;
  std::vector<active_item> items;
  std::set<std::pair<std::uint64_t, active_item*>> timers;
  std::vector<std::uint64_t> begun;
  std::uint64_t now_ns = 1'000'000;
};

// The most calls that begin in any [t, t + interval).
std::size_t most_in(const std::vector<std::uint64_t>& begun, std::uint64_t interval_ns) {
  std::size_t most = 0;
  for (std::size_t first = 0, last = 0; last < begun.size(); ++last) {
    while (begun[last] - begun[first] >= interval_ns) ++first;
    most = std::max(most, last - first + 1);
  }
  return most;
}

// Time goes on by itself, a microsecond for each reading.
class read_clock final : public core::clock {
public:
  std::uint64_t now_ns() noexcept override { return time_ns_.fetch_add(1000) + 1000; }
  std::uint64_t unix_us() noexcept override { return 1'700'000'000'000'000; }

private:
  std::atomic<std::uint64_t> time_ns_{1'000'000'000};
};
// Readings between the one by which a call is let begin and the one that its function makes.
constexpr std::uint64_t readings_before_call_ns = 10'000;

template <class Out>
report run_by(core::clock& time, const workflow_of<int, Out>& workflow, int count) {
  pawl::test::null_backend store(true);
  checkpoint_log log(store);
  auto source = numbers(count);
  return pawl::test::run_source_over(store, log, workflow, source,
                                     {.workers = 1, .window = window, .check_codecs = true, .time = &time});
}

}  // namespace

TEST_CASE("as many calls as are allowed begin at once, further ones when the oldest is an interval old") {
  machine m(3);
  CHECK(m.enter(0));
  m.now_ns += 10;
  CHECK(m.enter(1));
  CHECK(m.enter(2));
  CHECK_FALSE(m.enter(3));
  CHECK_FALSE(m.enter(4));
  REQUIRE(m.timers.size() == 1);  // one is enough
  CHECK(m.timers.begin()->first == 1'000'000 + 1000);
  m.fire();
  CHECK(m.begun.size() == 4);
  REQUIRE(m.timers.size() == 1);
  CHECK(m.timers.begin()->first == 1'000'010 + 1000);
  m.fire();
  CHECK(m.begun.size() == 5);
  CHECK(m.timers.empty());
  CHECK(most_in(m.begun, 1000) == 3);
}

TEST_CASE("who waits goes before who comes later") {
  machine m(1);
  CHECK(m.enter(0));
  CHECK_FALSE(m.enter(1));
  m.now_ns += 5000;  // its timer is late, and somebody else comes by
  CHECK_FALSE(m.enter(2));
  m.fire();
  CHECK(m.begun.size() == 2);
  m.fire();
  CHECK(m.begun.size() == 3);
  CHECK(most_in(m.begun, 1000) == 1);
}

TEST_CASE("an item that comes back too early is sent back, and nobody is forgotten") {
  machine m(1);
  CHECK(m.enter(0));
  CHECK_FALSE(m.enter(1));
  CHECK_FALSE(m.enter(2));
  const auto timer = *m.timers.begin();
  m.timers.clear();
  CHECK_FALSE(m.enter(static_cast<std::size_t>(timer.second - &m.items[0])));  // by another thread's clock
  while (!m.timers.empty()) m.fire();
  CHECK(m.begun.size() == 3);
  CHECK(most_in(m.begun, 1000) == 1);
}

TEST_CASE("whatever comes when, and however late: never more than allowed, and all have their turn") {
  const auto seed = pawl::test::asked_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (const std::uint64_t calls : {1u, 2u, 7u, 60u, 1000u}) {
    machine m(calls);
    std::size_t next = 0;
    std::size_t came = 0;
    std::vector<bool> waiting(window);
    for (int round = 0; round < 20'000; ++round) {
      m.now_ns += random() % (2000 / calls + 2);
      const std::size_t waits = came - m.begun.size();
      if ((random() & 1) != 0 && waits < window) {
        // A place whose item does not wait any more: in the order of coming that is one that went long ago.
        while (m.items[next % window].let_out || waiting[next % window]) ++next;
        const std::size_t item = next++ % window;
        ++came;
        waiting[item] = !m.enter(item);
      } else if (!m.timers.empty() && m.timers.begin()->first <= m.now_ns) {
        const auto item = static_cast<std::size_t>(m.timers.begin()->second - &m.items[0]);
        const std::size_t before = m.begun.size();
        m.fire(random() % 3 == 0 ? random() % 3000 : 0);
        if (m.begun.size() != before) waiting[item] = false;
      }
    }
    while (!m.timers.empty()) m.fire();
    CHECK(m.begun.size() == came);
    CHECK(most_in(m.begun, 1000) <= calls);
  }
}

TEST_CASE("a run keeps the limit by its clock, with a burst and without a durable record") {
  read_clock time;
  std::vector<std::uint64_t> begun;
  const auto w = workflow<"w">(step<"s">([&](int n) {
                   begun.push_back(time.now_ns());
                   return n;
                 }).rate_limit({.calls = 5, .per = 200us}));
  const report made = run_by(time, w, 50);
  CHECK(made.done == 50);
  REQUIRE(begun.size() == 50);
  CHECK(most_in(begun, 200'000 - readings_before_call_ns) == 5);
  CHECK(begun[4] - begun[0] < 100'000);
  CHECK(begun[5] - begun[4] > 100'000);
}

TEST_CASE("retries are calls too, and a second step has a limit of its own") {
  read_clock time;
  std::vector<std::uint64_t> first;
  std::vector<std::uint64_t> second;
  const auto w = workflow<"w">(step<"a">([&](int n, context& ctx) {
                                 first.push_back(time.now_ns());
                                 if (ctx.attempt() == 1) throw std::runtime_error("once");
                                 return n;
                               })
                                   .retry({.attempts = 2, .first_delay = 1us})
                                   .rate_limit({.calls = 4, .per = 200us}),
                               step<"b">([&](int n) {
                                 second.push_back(time.now_ns());
                                 return n;
                               }).rate_limit({.calls = 1, .per = 100us}));
  CHECK(run_by(time, w, 20).done == 20);
  CHECK(first.size() == 40);
  CHECK(second.size() == 20);
  CHECK(most_in(first, 200'000 - readings_before_call_ns) == 4);
  CHECK(most_in(second, 100'000 - readings_before_call_ns) == 1);
}

TEST_CASE("a stopped run does not wait for anybody's turn, and the next one goes on") {
  const temp_dir dir;
  for (const std::size_t workers : {1u, 2u}) {
    pawl::engine engine(dir / ("state" + std::to_string(workers)), quiet(workers));
    std::atomic<int> calls = 0;
    const auto slow = [&](rate_options limit) {
      return workflow<"w">(step<"read">([](int n) { return n; }), step<"s">([&](int n) {
                                                                    ++calls;
                                                                    calls.notify_all();
                                                                    return n;
                                                                  }).rate_limit(limit));
    };
    std::thread stopper([&] {
      calls.wait(0);
      engine.stop();
    });
    const report stopped = engine.run(slow({.calls = 1, .per = 1h}), numbers(20));
    stopper.join();
    CHECK(stopped.stopped);
    CHECK(stopped.done == 1);
    CHECK(stopped.in_progress + stopped.pending == stopped.items - 1);
    CHECK(engine.run(slow({.calls = 1000, .per = 1ms}), numbers(20)).done == 20);
    CHECK(calls == 20);
  }
}

TEST_CASE("an item that waits at a first step with a limit is recorded first, and waits without a thread") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet(2));
  std::atomic<int> inside = 0;
  std::atomic<int> most = 0;
  const auto w = workflow<"w">(step<"s">([&](int n) {
                   const int now = ++inside;
                   for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
                   }
                   std::this_thread::yield();
                   --inside;
                   return n;
                 })
                                   .concurrency(serial)
                                   .rate_limit({.calls = 20, .per = 2ms}),
                               step<"t">([](int n) { return n; }).rate_limit({.calls = 7, .per = 1ms}));
  const report made = engine.run(w, numbers(300));
  CHECK(made.done == 300);
  CHECK(made.step_reports.at(0).calls == 300);
  CHECK(most == 1);
}

TEST_CASE("rate limits that make no sense are refused with a sentence that names the step") {
  const auto refusal = [](rate_options options) -> std::string {
    try {
      (void)step<"fetch">([](int n) { return n; }).rate_limit(options);
    } catch (const error& refused) {
      CHECK(refused.code() == errc::bad_argument);
      return refused.what();
    }
    return "not refused";
  };
  CHECK_THAT(refusal({.calls = 0}), Catch::Contains("step 'fetch': rate_limit: calls is 0"));
  CHECK_THAT(refusal({.calls = 2'000'000}), Catch::Contains("1,048,576"));
  CHECK_THAT(refusal({.per = 0s}), Catch::Contains("per must be"));
  CHECK_THAT(refusal({.per = -1s}), Catch::Contains("per must be"));
  CHECK_THAT(refusal({.per = seconds(std::numeric_limits<double>::infinity())}), Catch::Contains("per must be"));
  CHECK(refusal({.calls = 1'048'576, .per = 1min}) == "not refused");
}
