// Who commits, and when: the turn of run/checkpoint_log.hpp and what workers make of it.
#include "support/asked.hpp"
#include "support/catch.hpp"
#include "support/memory_backend.hpp"
#include "support/null_backend.hpp"
#include "support/numbers.hpp"
#include "support/run_over.hpp"

#include <pawl/pawl.hpp>

#include <atomic>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using namespace pawl;
using namespace pawl::core;
using pawl::test::memory_backend;
using pawl::test::numbers;

namespace {

const auto same = [](int n) { return n; };

// Waits for `condition`, for at most 5 s.
template <class Condition>
bool comes_true(Condition condition) {
  const auto began = std::chrono::steady_clock::now();
  while (!condition())
    if (std::chrono::steady_clock::now() - began > 5s) return false;
    else std::this_thread::sleep_for(50us);
  return true;
}

}  // namespace

TEST_CASE("a lone worker with nothing else to do commits on its own thread, one commit a step") {
  int here = 0;
  int elsewhere = 0;
  const auto me = std::this_thread::get_id();
  memory_backend store(
      {.before_commit = [&](std::uint64_t) { ++(std::this_thread::get_id() == me ? here : elsewhere); }, .committed = {}});
  checkpoint_log log(store);
  CHECK(test::run_over(store, log, workflow<"w">(step<"a">(same), step<"b">(same), step<"c">(same)), numbers(300), 1, 1)
            .done == 300);
  CHECK(here > 700);
  CHECK(here + elsewhere >= 900);
  CHECK(here + elsewhere < 1100);
}

TEST_CASE("with a few fast items in flight one commit takes them all") {
  test::null_backend store;
  checkpoint_log log(store);
  for (const std::size_t workers : {std::size_t{1}, std::size_t{2}}) {
    const std::uint64_t before = store.totals().commits;
    const auto w = workflow<"w">(step<"a">(same), step<"b">(same), step<"c">(same));
    CHECK(test::run_over(store, log, w, numbers(6400), workers, 64).done == 6400);
    CHECK(store.totals().commits - before < 1500);  // 300, where nobody is interrupted; 19,200 steps
  }
}

TEST_CASE("what is recorded does not wait for another item's slow step") {
  std::atomic<int> committed = 0;
  memory_backend store({.before_commit = {}, .committed = [&](const checkpoint& one) {
                          committed += one.header.kind == checkpoint_kind::completed ? 1 : 0;
                        }});
  checkpoint_log log(store);
  int returned = 0;
  int late = 0;
  const auto w = workflow<"w">(step<"fast">([&](int n) {
                                 ++returned;
                                 return n;
                               }),
                               step<"slow">([&](int n) {
                                 std::this_thread::sleep_for(300us);
                                 if (!comes_true([&] { return committed >= returned; })) ++late;
                                 ++returned;
                                 return n;
                               }));
  CHECK(test::run_over(store, log, w, numbers(100), 1, 16).done == 100);
  CHECK(late == 0);
}

TEST_CASE("what is recorded does not wait for a call that was always fast and is slow for once") {
  for (const std::size_t workers : {std::size_t{1}, std::size_t{2}}) {
    std::atomic<int> committed = 0;
    memory_backend store({.before_commit = {}, .committed = [&](const checkpoint& one) {
                            committed += one.header.kind == checkpoint_kind::completed ? 1 : 0;
                          }});
    checkpoint_log log(store);
    std::atomic<int> returned = 0;
    std::atomic<int> late = 0;
    const auto w = workflow<"w">(step<"read">([&](int n) {
      // Each of these has some in front of it that are recorded, and nobody expects it to take long.
      if (n >= 1000 && n % 200 == 0 && !comes_true([&, before = returned.load()] { return committed >= before; })) ++late;
      ++returned;
      return n;
    }));
    CHECK(test::run_over(store, log, w, numbers(2000), workers).done == 2000);
    CHECK(late == 0);
  }
}

TEST_CASE("what the source still has does not wait for a call that was always fast and is slow for once") {
  test::null_backend store;
  checkpoint_log log(store);
  std::atomic<int> next = 0;
  std::atomic<int> late = 0;
  const auto source = generate([&]() -> std::optional<int> {
    if (next == 20000) return std::nullopt;
    return next++;
  });
  const auto w = workflow<"w">(step<"a">([&](int n) {
    if (n == 5000 && !comes_true([&] { return next == 20000; })) ++late;
    return n;
  }));
  CHECK(test::run_source_over(store, log, w, source, {.workers = 2, .window = 1024}).done == 20000);
  CHECK(late == 0);
}

TEST_CASE("slow calls behind fast ones are made by all workers, not by whoever took their items") {
  constexpr std::size_t workers = 4;
  // So many are acknowledged at once that one worker takes them all.
  memory_backend store({.before_commit = [](std::uint64_t) { std::this_thread::sleep_for(20ms); }, .committed = {}});
  checkpoint_log log(store);
  std::atomic<std::size_t> inside = 0;
  std::atomic<bool> met = false;
  std::atomic<bool> in_time = true;
  // A call lasts until as many are under way as there are workers.
  const auto meet = [&](int n) {
    if (++inside == workers) met = true;
    if (!comes_true([&] { return met.load(); })) in_time = !(met = true);
    --inside;
    return n;
  };
  SECTION("a pure step first") {
    const auto w = workflow<"w">(pure<"fast">(same), step<"slow">(meet), step<"end">(same));
    CHECK(test::run_over(store, log, w, numbers(64), workers, 64).done == 64);
  }
  SECTION("a step first") {
    const auto w = workflow<"w">(step<"fast">(same), step<"slow">(meet), step<"end">(same));
    CHECK(test::run_over(store, log, w, numbers(64), workers, 64).done == 64);
  }
  CHECK(met);
  CHECK(in_time);
}

// run/lane.hpp says why it could be otherwise.
TEST_CASE("of each item the records are committed in their order, whichever workers had it") {
  for (const std::size_t workers : {2u, 4u}) {
    CAPTURE(workers);
    std::vector<std::uint32_t> last(30'000);  // sequence, by item
    int wrong = 0;
    memory_backend store({.before_commit = [](std::uint64_t) { std::this_thread::sleep_for(200us); },
                          .committed = [&](const checkpoint& one) {
                            if (one.header.sequence != ++last.at(one.header.item)) ++wrong;
                          }});
    checkpoint_log log(store);
    // Fast, and now and then slow for once: then others get what was in front of it.
    const auto w = workflow<"w">(step<"a">([](int n) {
                                   if (n % 300 == 299) std::this_thread::sleep_for(3ms);
                                   return n;
                                 }),
                                 step<"b">(same));
    CHECK(test::run_over(store, log, w, numbers(20'000), workers).done == 20'000);
    CHECK(wrong == 0);
  }
}

TEST_CASE("a source that gives one item now and then keeps all workers at work") {
  test::null_backend store;
  checkpoint_log log(store);
  int next = 0;
  std::atomic<int> inside = 0;
  std::atomic<int> late = 0;
  const auto source = generate([&]() -> std::optional<int> {
    std::this_thread::sleep_for(3ms);
    if (next == 12) return std::nullopt;
    return next++;
  });
  const auto w = workflow<"w">(step<"a">([&](int n) {
    ++inside;
    if (n == 0 && !comes_true([&] { return inside >= 3; })) ++late;
    return n;
  }));
  CHECK(test::run_source_over(store, log, w, source, {.workers = 3}).done == 12);
  CHECK(late == 0);
}

TEST_CASE("what is recorded does not wait for the source's next item") {
  std::atomic<int> committed = 0;
  memory_backend store({.before_commit = {}, .committed = [&](const checkpoint& one) {
                          committed += one.header.kind == checkpoint_kind::completed ? 1 : 0;
                        }});
  checkpoint_log log(store);
  int returned = 0;
  int late = 0;
  int next = 0;
  // Fast for a while, and then it waits at every 64th item.
  const auto source = generate([&]() -> std::optional<int> {
    if (next % 64 == 0 && next > 1000 && !comes_true([&] { return committed >= returned; })) ++late;
    if (next == 2000) return std::nullopt;
    return next++;
  });
  const auto w = workflow<"w">(step<"a">([&](int n) {
    ++returned;
    return n;
  }));
  CHECK(test::run_source_over(store, log, w, source, {.window = 4096}).done == 2000);
  CHECK(late == 0);
}

TEST_CASE("an attempt that comes due does not wait for the source's next item, whatever else has ended meanwhile") {
  for (const std::size_t workers : {2u, 4u}) {
    CAPTURE(workers);
    test::null_backend store;
    checkpoint_log log(store);
    const int given = 1 + 2 * static_cast<int>(workers);
    std::atomic<int> attempts = 0;
    int late = 0;
    int next = 0;
    const auto source = generate([&]() -> std::optional<int> {
      if (next == given) {
        if (!comes_true([&] { return attempts == 2; })) ++late;
        return std::nullopt;
      }
      std::this_thread::sleep_for(2ms);  // what is pulled at once begins at once
      return next++;
    });
    const auto w = workflow<"w">(step<"a">([&](int n) {
                                   if (n != 0) std::this_thread::sleep_for(10ms);
                                   else if (++attempts == 1) throw std::runtime_error("not yet");
                                   return n;
                                 }).retry({.attempts = 2, .first_delay = 500ms, .jitter = 0}));
    CHECK(test::run_source_over(store, log, w, source, {.workers = workers}).done == static_cast<std::uint64_t>(given));
    CHECK(late == 0);
  }
}

TEST_CASE("a worker that has work goes on while the committer commits") {
  std::atomic<bool> committing = false;
  memory_backend store({.before_commit =
                            [&](std::uint64_t) {
                              committing = true;
                              std::this_thread::sleep_for(3ms);
                              committing = false;
                            },
                        .committed = {}});
  checkpoint_log log(store);
  int meanwhile = 0;
  const auto w = workflow<"w">(step<"a">([&](int n) {
    if (committing) ++meanwhile;
    return n;
  }));
  CHECK(test::run_over(store, log, w, numbers(20'000), 1, 8192).done == 20'000);
  CHECK(meanwhile > 1000);
}

TEST_CASE("no item is forgotten, whoever commits, whoever waits and whatever is to be done between commits") {
  const auto seed = pawl::test::asked_seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  std::atomic<unsigned> pauses = 0;
  // Now and then somebody is held up for a moment, at a place where another one may overtake.
  const auto pause = [&] {
    const unsigned number = pauses.fetch_add(1) * 2654435761u >> 24;
    if (number < 24) std::this_thread::sleep_for(std::chrono::microseconds(number * 4));
    else if (number < 64) std::this_thread::yield();
  };
  memory_backend store({.before_commit = [&](std::uint64_t) { pause(); }, .committed = {}});
  checkpoint_log log(store);
  std::atomic<bool> over = false;
  std::atomic<int> tasks = 0;
  std::jthread other([&] {
    while (!over) {
      log.between_commits([&] { ++tasks; });
      std::this_thread::sleep_for(100us);
    }
  });
  const auto paused = [&](int n) {
    pause();
    return n;
  };
  for (int round = 0; round < 150; ++round) {
    const std::size_t workers = 1 + random() % 4;
    const std::size_t window = 1 + random() % 12;
    std::vector<int> items;
    for (int i = 0; i < 40; ++i) items.push_back(round * 40 + i);
    const auto w = workflow<"w">(step<"a">(paused), pure<"b">(paused), step<"c">(paused).concurrency(2), step<"d">(same));
    REQUIRE(test::run_over(store, log, w, items, workers, window).done == 40);
  }
  over = true;
  CHECK(tasks > 0);
}

TEST_CASE("two runs beside each other acknowledge each other's items") {
  memory_backend store;
  checkpoint_log log(store);
  const auto run_of = [&](const auto& w, std::uint64_t& done) {
    return std::jthread([&] { done = test::run_over(store, log, w, numbers(3000), 1, 3).done; });
  };
  const auto one = workflow<"one">(step<"a">(same), step<"b">(same));
  const auto two = workflow<"two">(step<"a">(same), step<"b">(same));
  std::uint64_t done_one = 0;
  std::uint64_t done_two = 0;
  {
    const auto first = run_of(one, done_one);
    const auto second = run_of(two, done_two);
  }
  CHECK(done_one == 3000);
  CHECK(done_two == 3000);
}

TEST_CASE("where nothing is kept, nothing is committed and every item is done") {
  test::null_backend store(true);
  checkpoint_log log(store);
  std::atomic<int> failures = 0;
  const auto w = workflow<"w">(step<"a">(same),
                               step<"b">([&](int n, context& ctx) {
                                 if (n % 7 == 0 && ctx.attempt() == 1) {
                                   ++failures;
                                   throw std::runtime_error("once");
                                 }
                                 if (n % 100 == 1) throw skip_item("not this one");
                                 return n;
                               }).retry({.attempts = 2, .first_delay = 1ms}),
                               step<"c">(same).concurrency(1));
  for (const std::size_t workers : {std::size_t{1}, std::size_t{3}}) {
    const report made = test::run_over(store, log, w, numbers(1000), workers, 32);
    CHECK(made.done == 990);
    CHECK(made.skipped == 10);
    CHECK(made.commits == 0);
  }
  CHECK(failures == 286);
}
