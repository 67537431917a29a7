// A run over a backend in memory, whose commits can be watched, held up and broken.
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/memory_backend.hpp"
#include "support/numbers.hpp"
#include "support/run_over.hpp"

#include <pawl/pawl.hpp>

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <stop_token>
#include <thread>

using namespace std::chrono_literals;
using namespace pawl;
using namespace pawl::core;
using pawl::test::memory_backend;
using pawl::test::numbers;
using pawl::test::run_over;

TEST_CASE("an effect starts only after everything its item did before is committed") {
  for (const unsigned workers : {1u, 3u}) {
    std::mutex mutex;
    std::map<item_id, int> committed;  // steps, by item
    memory_backend store({.before_commit = [](std::uint64_t) { std::this_thread::sleep_for(200us); },
                          .committed =
                              [&](const checkpoint& one) {
                                const std::scoped_lock lock(mutex);
                                if (one.header.kind == checkpoint_kind::completed)
                                  committed[one.header.item] = one.header.step + 1;
                              }});
    checkpoint_log log(store);
    std::atomic<int> early = 0;
    // Ids are dense in the order of the source, so the number is the item's id.
    const auto expect = [&](int n, int steps) {
      const std::scoped_lock lock(mutex);
      if (committed[static_cast<item_id>(n)] < steps) ++early;
    };
    const auto w = workflow<"w">(step<"a">([&](int n) { return n; }),  //
                                 step<"b">([&](int n) {
                                   expect(n, 1);
                                   return n;
                                 }),
                                 pure<"c">([&](int n) { return n; }), pure<"d">([&](int n) { return n; }),
                                 step<"e">([&](int n) {
                                   expect(n, 4);
                                   return n;
                                 }));
    const report made = run_over(store, log, w, numbers(500), workers);
    CHECK(made.done == 500);
    CHECK(early == 0);
    CHECK(committed.size() == 500);
  }
}

TEST_CASE("an item changes workers only when all its records are committed") {
  // The committer gathers one lane after the other: records of one item in two lanes could be committed out of order.
  std::mutex mutex;
  std::map<item_id, std::uint32_t> committed;  // the last sequence, by item
  memory_backend store({.before_commit = [](std::uint64_t) { std::this_thread::sleep_for(5ms); },
                        .committed =
                            [&](const checkpoint& one) {
                              const std::scoped_lock lock(mutex);
                              committed[one.header.item] = one.header.sequence;
                            }});
  checkpoint_log log(store);
  std::map<int, std::pair<std::thread::id, std::uint32_t>> last;  // who held the item last, and its records by then
  std::atomic<int> early = 0;
  const auto step = [&](std::uint32_t records_before) {
    return [&, records_before](int n) {
      const auto me = std::this_thread::get_id();
      {
        const std::scoped_lock lock(mutex);
        const auto before = last.find(n);
        const bool other = before != last.end() && before->second.first != me;
        if (other && committed[static_cast<item_id>(n)] < records_before) ++early;
        last[n] = {me, records_before};
      }
      std::this_thread::sleep_for(20us);
      return n;
    };
  };
  std::vector<int> items = numbers(1500);
  // Who pulls an item admits it: the key is asked for on that thread.
  const auto w = workflow<"w">(pure<"a">(step(1)), pure<"b">(step(2)), pure<"c">(step(3)).concurrency(1), pure<"d">(step(4)))
                     .key([&](int n) {
                       const std::scoped_lock lock(mutex);
                       last[n] = {std::this_thread::get_id(), 0};
                       return n;
                     });
  CHECK(run_over(store, log, w, items, 4).done == 1500);
  CHECK(early == 0);
}

TEST_CASE("pure steps do not wait: they and the step before them go into one commit") {
  memory_backend store({.before_commit = [](std::uint64_t) { std::this_thread::sleep_for(20ms); }, .committed = {}});
  checkpoint_log log(store);
  const auto id = [](int n) { return n; };
  const report waits = run_over(store, log, workflow<"effects">(step<"a">(id), step<"b">(id), step<"c">(id)), {1}, 1);
  const report pure_ones = run_over(store, log, workflow<"pure">(step<"a">(id), pure<"b">(id), pure<"c">(id)), {1}, 1);
  CHECK(waits.commits >= 3);
  CHECK(pure_ones.commits <= 2);
}

TEST_CASE("a commit that fails ends the run with its cause, and nothing after it is acknowledged") {
  for (const std::uint64_t failing : {1u, 2u, 5u}) {
    std::set<item_id> done;
    memory_backend store({.before_commit =
                              [&](std::uint64_t number) {
                                if (number == failing) throw error(errc::disk_full, "storage: no room; free some");
                              },
                          .committed =
                              [&](const checkpoint& one) {
                                if ((one.header.flags & checkpoint_flag::last) != 0) done.insert(one.header.item);
                              }});
    checkpoint_log log(store);
    std::atomic<int> second = 0;
    const auto w = workflow<"w">(step<"a">([](int n) { return n; }), step<"b">([&](int n) {
                                   ++second;
                                   return n;
                                 }));
    try {
      static_cast<void>(run_over(store, log, w, numbers(10'000), 2, 16));
      FAIL("the run went on");
    } catch (const error& failure) {
      CHECK(failure.code() == errc::disk_full);
    }
    CHECK(log.failed());
    CHECK(done.size() < 10'000);
    if (failing == 1) CHECK(second == 0);
    CHECK_THROWS_AS(log.between_commits([] {}), error);
  }
}

TEST_CASE("acknowledged items go before fresh ones: a slow chain ends items early") {
  memory_backend store;
  checkpoint_log log(store);
  std::atomic<int> first = 0;
  std::atomic<int> first_when_one_ended = 0;
  const auto w = workflow<"w">(step<"a">([&](int n) {
                                 ++first;
                                 std::this_thread::sleep_for(2ms);
                                 return n;
                               }),
                               step<"b">([&](int n) {
                                 int none = 0;
                                 first_when_one_ended.compare_exchange_strong(none, first);
                                 return n;
                               }));
  CHECK(run_over(store, log, w, numbers(200), 1, 200).done == 200);
  CHECK(first_when_one_ended < 20);
}

TEST_CASE("results of any size go through, in the record or beside it") {
  memory_backend store({}, 1000);
  checkpoint_log log(store);
  std::atomic<int> wrong = 0;
  const auto w = workflow<"w">(step<"make">([](int n) { return std::string(static_cast<std::size_t>(n), 'x'); }),
                               step<"check">([&](std::string&& s, item<int> n) {
                                 if (s.size() != static_cast<std::size_t>(*n)) ++wrong;
                                 return s;
                               }));
  const report made = run_over(store, log, w, {0, 1, 980, 999, 1000, 1001, 5000, 300'000, 1'100'000, 3'000'000}, 2);
  CHECK(made.done == 10);
  CHECK(wrong == 0);
}

TEST_CASE("a long result that stays is stored beside its record at once, one that is superseded is not") {
  std::mutex mutex;
  std::map<std::pair<workflow_id, int>, bool> beside;  // by workflow and step
  memory_backend store({.before_commit = {},
                        .committed =
                            [&](const checkpoint& one) {
                              const std::scoped_lock lock(mutex);
                              if (one.header.kind == checkpoint_kind::completed)
                                beside[{one.header.workflow, one.header.step}] =
                                    (one.header.flags & checkpoint_flag::large) != 0;
                            }},
                       100'000, 1000);
  checkpoint_log log(store);
  const auto make = [](int n) { return std::string(static_cast<std::size_t>(n), 'x'); };
  const auto pass = [](const std::string& s) { return s; };
  const auto kept = workflow<"kept">(step<"a">(make).keep(), step<"b">(pass), pure<"c">(pass), step<"d">(pass));
  const auto discarded = workflow<"discarded">(step<"a">(make), step<"b">(pass).discard());
  CHECK(run_over(store, log, kept, {1500}, 1).done == 1);
  CHECK(run_over(store, log, discarded, {1500}, 1).done == 1);
  const std::map<std::pair<workflow_id, int>, bool> expected = {{{1, 0}, true},  {{1, 1}, false}, {{1, 2}, false},
                                                                {{1, 3}, true},  {{2, 0}, false}, {{2, 1}, false}};
  CHECK(beside == expected);
  beside.clear();
  CHECK(run_over(store, log, workflow<"short">(step<"a">(make)), {900}, 1).done == 1);
  CHECK(beside == std::map<std::pair<workflow_id, int>, bool>{{{3, 0}, false}});
}

TEST_CASE("a stop ends the run also where it comes while nothing is in flight") {
  // A window of one: behind each item nothing is in flight for a moment. A run that hangs ends by the alarm.
  pawl::test::child_process child([](int) {
    ::alarm(60);
    std::mt19937_64 random(1);
    for (int round = 0; round < 400; ++round) {
      memory_backend store;
      checkpoint_log log(store);
      std::stop_source stop;
      std::atomic<bool> began{false};
      const auto w = workflow<"w">(step<"s">([&](int n) {
        began = true;
        return n;
      }));
      const auto pause = std::chrono::microseconds(random() % 300);
      std::thread stopper([&] {
        while (!began) std::this_thread::yield();
        const auto until = std::chrono::steady_clock::now() + pause;
        while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
        stop.request_stop();
      });
      int next = 0;
      test::run_source_over(store, log, w, pawl::generate([&]() -> std::optional<int> { return next++; }),
                            {.window = 1, .stop = stop.get_token()});
      stopper.join();
    }
    return 0;
  });
  CHECK(child.wait() == 0);
}

TEST_CASE("a lane that is full of unacknowledged bytes makes pure steps wait too") {
  memory_backend store({.before_commit = [](std::uint64_t) { std::this_thread::sleep_for(1ms); }, .committed = {}});
  checkpoint_log log(store);
  const auto grow = [](const std::string& s) { return std::string(s.size() + 100'000, 'x'); };
  const auto w = workflow<"w">(pure<"a">([](int) { return std::string(100'000, 'x'); }), pure<"b">(grow), pure<"c">(grow),
                               pure<"d">(grow), pure<"e">(grow));
  CHECK(run_over(store, log, w, numbers(300), 1).done == 300);
}
