// One call for many items: when it is made, what each entry gets of it, and who is guilty when it throws.
#include "run/batch_gate.hpp"
#include "run/ready_queue.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/null_backend.hpp"
#include "support/run_over.hpp"
#include "support/temp_dir.hpp"

#include <pawl/inspect.hpp>
#include <pawl/pawl.hpp>
#include <pawl/testing.hpp>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <limits>
#include <map>
#include <mutex>
#include <ranges>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using namespace pawl;
using namespace pawl::core;
using pawl::test::child_process;
using pawl::test::quiet;
using pawl::test::say;
using pawl::test::temp_dir;

static_assert(std::ranges::forward_range<batch_view<int>>);

namespace {

std::vector<int> numbers(int count, int first = 0) {
  std::vector<int> all;
  for (int n = first; n < first + count; ++n) all.push_back(n);
  return all;
}

engine_options with_window(std::size_t workers, std::size_t window) {
  engine_options options = quiet(workers);
  options.window_items = window;
  return options;
}

// Which entries each call had, in the order of the calls.
class call_book {
public:
  void note(batch_view<int> entries) {
    std::vector<int> call;
    for (const auto& one : entries) call.push_back(one.value);
    const std::scoped_lock lock(mutex_);
    calls_.push_back(std::move(call));
  }
  [[nodiscard]] const std::vector<std::vector<int>>& calls() const { return calls_; }
  [[nodiscard]] std::vector<std::size_t> sizes() const {
    std::vector<std::size_t> all;
    for (const auto& call : calls_) all.push_back(call.size());
    return all;
  }
  [[nodiscard]] std::map<int, int> times() const {
    std::map<int, int> of;
    for (const auto& call : calls_)
      for (const int n : call) ++of[n];
    return of;
  }

private:
  std::mutex mutex_;
  std::vector<std::vector<int>> calls_;
};

// A delay that no test waits for: whoever does is called too late by hours.
constexpr seconds endless = 10h;

}  // namespace

TEST_CASE("batches are full as long as there are items, and the last one has the rest at once") {
  const temp_dir dir;
  call_book book;
  pawl::engine engine(dir / "state", quiet());
  const auto w = workflow<"w">(step<"read">([](int n) { return n; }),
                               batch<"write">([&](batch_view<int> all) { book.note(all); },
                                              {.max_items = 100, .max_delay = endless}));
  const report made = engine.run(w, numbers(1030));
  CHECK(made.done == 1030);
  CHECK(book.times().size() == 1030);
  std::vector<std::size_t> sizes = book.sizes();
  REQUIRE(sizes.size() == 11);
  CHECK(sizes.back() == 30);
  sizes.pop_back();
  CHECK(std::all_of(sizes.begin(), sizes.end(), [](std::size_t size) { return size == 100; }));
  CHECK(made.step_reports.at(1).calls == 11);
  CHECK(made.step_reports.at(1).completed == 1030);
}

TEST_CASE("a lone item waits for nobody, and many lone ones neither") {
  const temp_dir dir;
  for (const std::size_t workers : {1u, 2u, 4u}) {
    CAPTURE(workers);
    pawl::engine engine(dir / ("state" + std::to_string(workers)), quiet(workers));
    const auto w = workflow<"w">(batch<"write">([](batch_view<int>) {}, {.max_delay = endless}));
    for (int n = 0; n < 20; ++n) CHECK(engine.run(w, numbers(1, n)).done == 1);
  }
}

TEST_CASE("a window smaller than a batch is called as it is") {
  const temp_dir dir;
  for (const std::size_t workers : {1u, 2u})
    for (const std::size_t window : {1u, 2u, 7u}) {
      CAPTURE(workers, window);
      call_book book;
      pawl::engine engine(dir / (std::to_string(workers) + "-" + std::to_string(window)),
                          with_window(workers, window));
      const auto w = workflow<"w">(step<"read">([](int n) { return n; }),
                                   batch<"write">([&](batch_view<int> all) { book.note(all); }, {.max_delay = endless}),
                                   batch<"again">([](batch_view<int>) {}, {.max_items = 3, .max_delay = endless}));
      CHECK(engine.run(w, numbers(25)).done == 25);
      CHECK(book.times().size() == 25);
      for (const std::size_t size : book.sizes()) CHECK(size <= window);
    }
}

TEST_CASE("an incomplete batch is called when its oldest entry has waited for max_delay") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet(2));
  std::atomic<bool> written = false;
  // The second item's first step ends only when the first item's batch was called without it.
  const auto w = workflow<"w">(step<"read">([&](int n) {
                                 if (n == 1) written.wait(false);
                                 return n;
                               }),
                               batch<"write">(
                                   [&](batch_view<int> all) {
                                     CHECK(all.size() == 1);
                                     written = true;
                                     written.notify_all();
                                   },
                                   {.max_items = 2, .max_delay = 5ms}));
  CHECK(engine.run(w, numbers(2)).done == 2);
}

TEST_CASE("an incomplete batch is called in time by others where who has entered its first entry is in a slow call") {
  pawl::test::null_backend store;
  checkpoint_log log(store);
  bool late = false;
  // Now and then the second item comes to its first call by the worker that has just entered the first one.
  for (int i = 0; i < 300 && !late; ++i) {
    std::atomic<bool> written = false;
    const auto w = workflow<"w">(step<"read">([&](int n) {
                                   const auto until = std::chrono::steady_clock::now() + 5s;
                                   while (n == 1 && !written && !late) {
                                     std::this_thread::sleep_for(100us);
                                     late = std::chrono::steady_clock::now() > until;
                                   }
                                   return n;
                                 }),
                                 batch<"write">([&](batch_view<int>) { written = true; }, {.max_delay = 1ms}));
    CHECK(pawl::test::run_over(store, log, w, numbers(2), 2, 2).done == 2);
  }
  CHECK_FALSE(late);
}

TEST_CASE("whoever comes before the delay is over is waited for, and a later one is not") {
  const temp_dir dir;
  for (const bool soon : {true, false}) {
    CAPTURE(soon);
    call_book book;
    pawl::engine engine(dir / (soon ? "soon" : "late"), quiet());
    const auto w = workflow<"w">(step<"read">([](int n, context& ctx) {
                                   if (n == 1 && ctx.attempt() == 1) throw std::runtime_error("once");
                                   return n;
                                 }).retry({.attempts = 2,
                                           .first_delay = soon ? seconds(20ms) : 2 * endless,
                                           .max_delay = 100h,
                                           .jitter = 0}),
                                 batch<"write">(
                                     [&](batch_view<int> all) {
                                       book.note(all);
                                       if (!soon) engine.stop();
                                     },
                                     {.max_delay = endless}));
    const report made = engine.run(w, numbers(2));
    CHECK(made.done == (soon ? 2 : 1));
    CHECK(book.sizes() == std::vector<std::size_t>{soon ? 2u : 1u});
  }
}

TEST_CASE("values, one for each entry, arrive where they belong") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet(2));
  const auto w = workflow<"w">(
      batch<"square">([](batch_view<int> all) {
        std::vector<std::string> squares;
        for (const auto& one : all) squares.push_back(std::to_string(one.value * one.value));
        return squares;
      }, {.max_items = 7}),
      pure<"longer">([](const std::string& text) { return text + "!"; }),
      batch<"flags">([](batch_view<std::string> all) {
        std::vector<bool> flags;
        for (const auto& one : all) flags.push_back(one.value.size() > 3);
        return flags;
      }));
  CHECK(engine.run(w, numbers(100)).done == 100);
  CHECK(engine.result<bool>(w, 5) == false);
  CHECK(engine.result<bool>(w, 50) == true);
}

TEST_CASE("an entry knows its key, its idempotency key, its input and earlier results") {
  struct order {
    int id = 0;
    std::string what;
  };
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  std::map<std::string, std::string> keys;
  std::map<std::string, std::string> seen;
  const auto w =
      workflow<"w">(step<"read">([&](const order& one, context&) { return one.what + "?"; }), pure<"size">([](const std::string& text) {
                      return text.size();
                    }),
                    batch<"write">(
                        [&](const batch_view<std::size_t, item<order>, from<"read", std::string>>& all, context& ctx) {
                          CHECK(ctx.key().empty());
                          CHECK(ctx.idempotency_key().empty());
                          CHECK(ctx.step_name() == "write");
                          CHECK_FALSE(ctx.stop_requested());
                          ctx.progress(0.5);
                          CHECK(all[0].value == all[0].get<from<"read", std::string>>()->size());
                          for (const auto& one : all) {
                            CHECK(one.attempt() == 1);
                            CHECK(one.idempotency_key().size() == 32);
                            keys[std::string(one.key())] = one.idempotency_key();
                            seen[std::string(one.key())] = one.get<item<order>>()->what;
                          }
                        }))
          .key(&order::id);
  CHECK(engine.run(w, std::vector<order>{{1, "a"}, {2, "bb"}, {3, "ccc"}}).done == 3);
  CHECK(seen == std::map<std::string, std::string>{{"1", "a"}, {"2", "bb"}, {"3", "ccc"}});
  std::set<std::string> distinct;
  for (const auto& [key, idempotency] : keys) distinct.insert(idempotency);
  CHECK(distinct.size() == 3);
}

TEST_CASE("an outcome concerns its entry alone") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet(2));
  const auto w = workflow<"w">(batch<"write">([](batch_view<int> all) {
    std::vector<outcome<int>> said;
    for (const auto& one : all) {
      if (one.value % 10 == 3) said.emplace_back(skip("three"));
      else if (one.value % 10 == 4) said.emplace_back(fail("four"));
      else if (one.value % 10 == 5) said.emplace_back(fail("five", true));
      else said.emplace_back(one.value * 2);
    }
    return said;
  }));
  const report first = engine.run(w, numbers(100));
  CHECK(first.done == 70);
  CHECK(first.skipped == 10);
  CHECK(first.failed == 20);
  CHECK(engine.result<int>(w, 7) == 14);
  // Those that failed stickily stay; the others are called again, and nobody else.
  const report second = engine.run(w, numbers(100));
  CHECK(second.steps == 0);
  CHECK(second.settled_before == 90);
  CHECK(second.step_reports.at(0).failures == 10);
}

TEST_CASE("a batch without results says by outcomes what went wrong") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  const auto w = workflow<"w">(batch<"write">([](batch_view<int> all) {
                                 std::vector<outcome<void>> said(all.size());
                                 for (std::size_t i = 0; i < all.size(); ++i)
                                   if (all[i].value == 3) said[i] = fail("three");
                                 return said;
                               }),
                               step<"after">([](int n) { return n + 1; }));
  const report made = engine.run(w, numbers(10));
  CHECK(made.done == 9);
  REQUIRE(made.first_failures.size() == 1);
  CHECK(made.first_failures[0].reason == "three");
  CHECK(engine.result<int>(w, 7) == 8);  // what arrived was passed on
}

TEST_CASE("a call that throws is bisected: exactly the guilty fail, for 2 log2(n) + 1 calls") {
  const temp_dir dir;
  for (const int guilty : {0, 1, 511, 512, 700, 1023}) {
    CAPTURE(guilty);
    call_book book;
    std::set<int> written;
    pawl::engine engine(dir / ("state" + std::to_string(guilty)), quiet());
    const auto w = workflow<"w">(batch<"write">([&](batch_view<int> all) {
      book.note(all);
      for (const auto& one : all)
        if (one.value == guilty) throw std::runtime_error("guilty: " + std::to_string(one.value));
      for (const auto& one : all) written.insert(one.value);
    }, {.max_items = 1024, .max_delay = endless}));
    const report made = engine.run(w, numbers(1024));
    CHECK(made.done == 1023);
    CHECK(made.failed == 1);
    REQUIRE(made.first_failures.size() == 1);
    CHECK(made.first_failures[0].key == std::to_string(guilty));
    CHECK(made.first_failures[0].reason == "guilty: " + std::to_string(guilty));
    CHECK(book.calls().size() == 1 + 2 * 10);
    CHECK(written.size() == 1023);
    CHECK(made.step_reports.at(0).calls == 21);
    CHECK(made.step_reports.at(0).failures == 1);
  }
}

TEST_CASE("several guilty entries are each found, and what they throw says what becomes of them") {
  const temp_dir dir;
  for (const std::size_t workers : {1u, 2u}) {
    CAPTURE(workers);
    pawl::engine engine(dir / ("state" + std::to_string(workers)), quiet(workers));
    std::mutex mutex;
    std::set<int> written;
    const auto w = workflow<"w">(batch<"write">([&](batch_view<int> all) {
                                   for (const auto& one : all) {
                                     if (one.value % 100 == 17) throw skip_item("seventeen");
                                     if (one.value % 100 == 18) throw std::domain_error("eighteen");
                                     if (one.value % 100 == 19) throw sticky_failure("nineteen");
                                     if (one.value % 100 == 20) throw 20;
                                   }
                                   const std::scoped_lock lock(mutex);
                                   for (const auto& one : all) CHECK(written.insert(one.value).second);
                                 }, {.max_items = 64})
                                     .skip_on<std::domain_error>(3));
    const report made = engine.run(w, numbers(1000));
    CHECK(made.done == 960);
    CHECK(made.skipped == 10 + 3);
    CHECK(made.failed == 7 + 10 + 10);
    CHECK(written.size() == 960);
  }
}

TEST_CASE("an entry that failed is retried by the policy, alone, until it succeeds") {
  const temp_dir dir;
  for (const bool by_outcome : {true, false}) {
    CAPTURE(by_outcome);
    call_book book;
    pawl::engine engine(dir / (by_outcome ? "outcome" : "throw"), quiet());
    std::vector<std::uint32_t> attempts;
    const auto w = workflow<"w">(batch<"write">([&](batch_view<int> all) {
                                   book.note(all);
                                   std::vector<outcome<int>> said;
                                   for (const auto& one : all) {
                                     const bool fails = one.value == 5 && one.attempt() < 3;
                                     if (fails && !by_outcome) throw std::runtime_error("not yet");
                                     if (one.value == 5) attempts.push_back(one.attempt());
                                     if (fails) said.emplace_back(fail("not yet"));
                                     else said.emplace_back(one.value);
                                   }
                                   return said;
                                 }, {.max_items = 8, .max_delay = endless})
                                     .retry({.attempts = 3, .first_delay = 1ms}));
    const report made = engine.run(w, numbers(64));
    CHECK(made.done == 64);
    CHECK(made.step_reports.at(0).retries == 2);
    CHECK(made.step_reports.at(0).failures == 2);
    CHECK(attempts.back() == 3);
    CHECK(engine.result<int>(w, 5) == 5);
    const auto times = book.times();
    // Nobody shares a batch with it any more once it has failed; those of its first batch may be called again.
    for (int n = 8; n < 64; ++n) CHECK(times.at(n) == 1);
    CHECK(times.at(5) == (by_outcome ? 3 : 4 + 2));
  }
}

TEST_CASE("a batch with another number of results than entries fails all of them, with the reason") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  int calls = 0;
  const auto w = workflow<"w">(batch<"write">([&](batch_view<int>) {
                                 ++calls;
                                 return std::vector<int>{1, 2};
                               }).retry({.attempts = 5}));
  const report made = engine.run(w, numbers(3));
  CHECK(made.failed == 3);
  CHECK(calls == 1);
  CHECK_THAT(made.first_failures.at(0).reason, Catch::Contains("returned 2 results for 3 entries"));
}

TEST_CASE("a result that throws while it is taken leaves nothing behind") {
  struct counted {
    explicit counted(int n) : value(n) { ++alive(); }
    counted(counted&& other) : value(other.value) {
      if (value == 2) throw std::runtime_error("cannot be moved");
      ++alive();
    }
    counted& operator=(counted&&) = delete;
    ~counted() { --alive(); }
    static int& alive() {
      static int count = 0;
      return count;
    }
    int value = 0;
  };
  // The seam by hand: a vector whose third element cannot be moved out.
  const auto throwing = [](batch_view<int> all) {
    std::vector<counted> made;
    made.reserve(all.size());
    for (const auto& one : all) made.emplace_back(one.value);
    return made;
  };
  using thrower = detail::batch_function<decltype(throwing)>;
  const thrower step(throwing);
  test_context ctx;
  std::vector<int> values = {0, 1, 2, 3};
  std::vector<std::aligned_storage_t<sizeof(counted), alignof(counted)>> places(4);
  std::vector<detail::call_frame> frames;
  for (std::size_t i = 0; i < 4; ++i) frames.push_back({nullptr, &values[i], &places[i], ctx, {}});
  std::vector<detail::call_frame*> pointers;
  for (auto& one : frames) pointers.push_back(&one);
  std::vector<outcome_kind> kinds(4);
  detail::batch_call call{pointers.data(), kinds.data(), 4, nullptr, ctx};
  CHECK_THROWS_AS(thrower::call(&step, call), std::runtime_error);
  CHECK(call.filled == 2);
  CHECK(counted::alive() == 2);  // those that the engine is told to destroy
  for (std::size_t i = 0; i < call.filled; ++i) reinterpret_cast<counted*>(&places[i])->~counted();
  CHECK(counted::alive() == 0);
}

TEST_CASE("at most so many calls at the same time, and others meanwhile where that is allowed") {
  const temp_dir dir;
  for (const int limit : {1, 2}) {
    CAPTURE(limit);
    pawl::engine engine(dir / ("state" + std::to_string(limit)), quiet(4));
    std::atomic<int> inside = 0;
    std::atomic<int> most = 0;
    std::atomic<bool> both = false;
    const auto w = workflow<"w">(batch<"write">([&](batch_view<int>) {
                                   const int now = ++inside;
                                   for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
                                   }
                                   if (limit == 2 && !both) {  // the first call waits until a second one has begun
                                     if (now == 2) both = true, both.notify_all();
                                     else both.wait(false);
                                   }
                                   --inside;
                                 }, {.max_items = 5, .max_delay = endless})
                                     .concurrency(limit));
    CHECK(engine.run(w, numbers(1000)).done == 1000);
    CHECK(most == limit);
  }
}

TEST_CASE("a time-out is for the call: all its entries have failed once, and it is not bisected") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  int calls = 0;
  const auto w = workflow<"w">(batch<"write">([&](batch_view<int> all, context& ctx) {
                                 if (++calls > 1) {
                                   CHECK(ctx.attempt() == 2);
                                   CHECK(all[0].attempt() == 2);
                                   return;
                                 }
                                 for (;;) {
                                   ctx.throw_if_stopped();
                                   std::this_thread::sleep_for(1ms);
                                 }
                               }, {.max_delay = endless})
                                   .timeout(20ms)
                                   .retry({.attempts = 2, .first_delay = 0ms, .jitter = 0}));
  const report made = engine.run(w, numbers(10));
  CHECK(made.done == 10);
  CHECK(made.step_reports.at(0).failures == 10);
  CHECK(made.step_reports.at(0).retries == 10);
}

TEST_CASE("a stopped run calls nothing more, and the next one goes on") {
  const temp_dir dir;
  for (const std::size_t workers : {1u, 2u}) {
    pawl::engine engine(dir / ("state" + std::to_string(workers)), quiet(workers));
    std::atomic<int> calls = 0;
    std::atomic<int> entries = 0;
    const auto w = workflow<"w">(step<"read">([](int n) { return n; }),
                                 batch<"write">([&](batch_view<int> all) {
                                   ++calls;
                                   entries += static_cast<int>(all.size());
                                   if (calls == 1) engine.stop();
                                 }, {.max_items = 10, .max_delay = endless}).concurrency(serial));
    const report stopped = engine.run(w, numbers(100));
    CHECK(stopped.stopped);
    CHECK(calls == 1);
    CHECK(stopped.done == 10);
    CHECK(stopped.in_progress + stopped.pending == stopped.items - 10);
    CHECK(engine.run(w, numbers(100)).done == 100);
    CHECK(entries == 100);
  }
}

TEST_CASE("with two workers each item is an entry once, whatever comes before and behind") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", with_window(2, 64));
  call_book book;
  const auto w = workflow<"w">(
      pure<"first">([](int n) { return n; }), step<"read">([](int n) { return n; }).concurrency(1),
      batch<"write">([&](batch_view<int> all) { book.note(all); }, {.max_items = 10, .max_delay = 1ms}),
      pure<"middle">([](int n) { return n; }),
      batch<"tell">([](batch_view<int> all) { return std::vector<int>(all.size(), 1); },
                    {.max_items = 100, .max_delay = endless}),
      step<"after">([](int n) { return n; }).rate_limit({.calls = 1000, .per = 1ms}));
  const report made = engine.run(w, numbers(5000));
  CHECK(made.done == 5000);
  const auto times = book.times();
  CHECK(times.size() == 5000);
  CHECK(std::all_of(times.begin(), times.end(), [](const auto& one) { return one.second == 1; }));
}

TEST_CASE("an item is recorded before it is an entry, also at the first step") {
  pawl::test::null_backend store;
  checkpoint_log log(store);
  std::vector<std::uint64_t> commits;
  const auto note = [&](batch_view<int>) { commits.push_back(store.totals().commits); };
  const auto w = workflow<"w">(batch<"first">(note, {.max_items = 1}), batch<"second">(note, {.max_items = 1}));
  CHECK(pawl::test::run_over(store, log, w, numbers(1), 1).done == 1);
  CHECK(commits == std::vector<std::uint64_t>{1, 2});
}

TEST_CASE("where nothing is recorded batches are the same") {
  for (const bool keeps_nothing : {true, false}) {
    pawl::test::null_backend store(keeps_nothing);
    checkpoint_log log(store);
    call_book book;
    const auto w = workflow<"w">(step<"read">([](int n) { return n; }),
                                 batch<"write">([&](batch_view<int> all) {
                                   book.note(all);
                                   std::vector<outcome<int>> said;
                                   for (const auto& one : all)
                                     if (one.value == 7 && one.attempt() == 1) said.emplace_back(fail("once"));
                                     else said.emplace_back(one.value);
                                   return said;
                                 }, {.max_items = 16}).retry({.attempts = 2, .first_delay = 1ms}),
                                 pure<"after">([](int n) { return n; }));
    CHECK(pawl::test::run_over(store, log, w, numbers(500), 2).done == 500);
    CHECK(book.times().at(7) == 2);
  }
}

// Until the state shows so many items done, for a minute at most: a flush may take long on a busy disk.
static void await_done(const std::string& state, std::uint64_t items) {
  for (const auto until = std::chrono::steady_clock::now() + 60s; std::chrono::steady_clock::now() < until;
       std::this_thread::sleep_for(1ms))
    if (state_view(state).workflows().at(0).count(item_state::done) >= items) return;
}

TEST_CASE("killed inside a batch: what was recorded is not called again, and the rest is") {
  const temp_dir dir;
  const auto evidence = dir / "evidence";
  // The call with 57 in it bisects, and the process dies when 57 is alone: the halves before it are recorded or not,
  // but none that is recorded is called again.
  const auto w = [&](bool dies) {
    return workflow<"w">(step<"read">([](int n) { return n; }), batch<"write">([&dir, &evidence, dies](batch_view<int> all) {
                           for (const auto& one : all)
                             if (dies && one.value == 57) {
                               if (all.size() == 1) {
                                 await_done(dir / "state", 48);  // the batches before
                                 ::kill(::getpid(), SIGKILL);
                               }
                               throw std::runtime_error("not alone");
                             }
                           std::ofstream out(evidence, std::ios::app);
                           for (const auto& one : all) out << one.value << '\n';
                           return std::vector<int>(all.size(), 1);
                         }, {.max_items = 16, .max_delay = endless}));
  };
  child_process child([&](int) {
    pawl::engine engine(dir / "state", quiet());
    engine.run(w(true), numbers(200));
    return 0;
  });
  REQUIRE(child.wait() == -SIGKILL);
  std::set<std::string> done_before;
  for (const item_view& one : state_view(dir / "state").items({.state = item_state::done, .limit = 1000}).items)
    done_before.insert(one.key.to_string());
  const auto lines_before = [&] {
    std::multiset<std::string> lines;
    std::ifstream in(evidence);
    for (std::string line; std::getline(in, line);) lines.insert(line);
    return lines;
  }();
  CHECK(done_before.size() >= 48);
  CHECK_FALSE(done_before.contains("57"));
  for (const std::string& key : done_before) CHECK(lines_before.contains(key));

  pawl::engine engine(dir / "state", quiet());
  CHECK(engine.run(w(false), numbers(200)).done == 200);
  std::map<std::string, int> times;
  std::ifstream in(evidence);
  for (std::string line; std::getline(in, line);) ++times[line];
  CHECK(times.size() == 200);
  for (const std::string& key : done_before) CHECK(times[key] == 1);
}

TEST_CASE("a gate gives a batch when it is full, or late, and keeps retries apart") {
  std::vector<active_item> items(10);
  for (std::size_t i = 6; i < 10; ++i) items[i].attempts = 1;
  batch_gate gate({.max_items = 3, .max_delay_s = 1e-6}, 1, 10);
  item_group taken;
  const auto take = [&](std::uint64_t now_ns) {
    taken.clear();
    return gate.take(now_ns, taken);
  };
  CHECK(gate.due_ns() == never);
  CHECK_FALSE(take(never - 1));
  CHECK(gate.enter(&items[0], 5000) == 6000);  // whoever enters first says when somebody must look
  CHECK(gate.enter(&items[1], 5100) == never);
  CHECK(gate.due_ns() == 6000);
  CHECK_FALSE(take(5999));
  gate.enter(&items[2], 5200);
  CHECK(gate.due_ns() == 0);
  gate.enter(&items[3], 5300);
  CHECK(take(5300));
  CHECK(taken == item_group{&items[0], &items[1], &items[2]});
  CHECK(gate.due_ns() == never);  // one call at a time
  CHECK_FALSE(take(9000));
  gate.leave();
  CHECK(gate.due_ns() == 6300);
  gate.enter(&items[6], 5250);
  CHECK(gate.due_ns() == 6250);
  CHECK(take(6300));
  CHECK(taken == item_group{&items[6]});
  gate.leave();
  taken.clear();
  CHECK(gate.take_incomplete(taken));
  CHECK(taken == item_group{&items[3]});
  gate.leave();
  CHECK_FALSE(gate.take_incomplete(taken));
  gate.enter(&items[7], 1);
  gate.enter(&items[4], 2);
  CHECK(gate.waiting() == 2);
  taken.clear();
  gate.drain(taken);
  CHECK(taken.size() == 2);
  CHECK(gate.waiting() == 0);
}

TEST_CASE("a batch describes itself, and is another kind of step") {
  const auto w = workflow<"w">(batch<"write">([](batch_view<int> all) { return std::vector<int>(all.size()); },
                                              {.max_items = 500, .max_delay = 20ms}));
  const description said = w.describe();
  REQUIRE(said.steps.at(0).batches.has_value());
  CHECK(said.steps[0].kind == step_kind::batch);
  CHECK(said.steps[0].guarantee == "at least once");
  CHECK(said.steps[0].batches->max_items == 500);
  CHECK(said.steps[0].batches->max_delay_s == 0.02);
  CHECK_THAT(to_string(said), Catch::Contains("batch  at least once") &&
                                  Catch::Contains("batch: 500 items a call, or those that are there after 20 ms"));
  CHECK_THAT(to_json(said), Catch::Contains(R"("kind":"batch")") &&
                                Catch::Contains(R"("batches":{"max_items":500,"max_delay_s":0.02})"));
  CHECK_THAT(to_json(workflow<"w">(step<"s">([](int) {})).describe()), Catch::Contains(R"("batches":null)"));

  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  engine.run(w, numbers(1));
  const auto single = workflow<"w">(step<"write">([](int n) { return n; }));
  const report changed = engine.run(single, numbers(1));
  REQUIRE(changed.changes.size() == 1);
  CHECK_THAT(changed.changes[0], Catch::Contains("kind batch is now step"));
}

TEST_CASE("batch options that make no sense are refused with a sentence that names the step") {
  const auto refusal = [](batch_options options) -> std::string {
    try {
      (void)batch<"write">([](batch_view<int>) {}, options);
    } catch (const error& refused) {
      CHECK(refused.code() == errc::bad_argument);
      return refused.what();
    }
    return "not refused";
  };
  CHECK_THAT(refusal({.max_items = 0}), Catch::Contains("step 'write': batch: max_items is 0"));
  CHECK_THAT(refusal({.max_items = 2'000'000}), Catch::Contains("1,048,576"));
  CHECK_THAT(refusal({.max_delay = -1s}), Catch::Contains("max_delay must be"));
  CHECK_THAT(refusal({.max_delay = seconds(std::numeric_limits<double>::infinity())}),
             Catch::Contains("max_delay must be"));
  CHECK(refusal({.max_items = 1, .max_delay = 0s}) == "not refused");
}

TEST_CASE("a member function writes a batch, and a delay of nothing waits for nothing") {
  struct writer {
    void put_all(batch_view<int> all) {
      for (const auto& one : all) sum += one.value;
    }
    int sum = 0;
  };
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  writer into;
  const auto w = workflow<"w">(batch<"write">(&writer::put_all, &into, {.max_delay = 0s}));
  CHECK(engine.run(w, numbers(100)).done == 100);
  CHECK(into.sum == 4950);
}
