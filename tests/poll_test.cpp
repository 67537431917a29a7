// poll: a host that owns the loop; all user code on its thread.
#include <pawl/pawl.hpp>

#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/quiet.hpp"
#include "support/temp_dir.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using Catch::Contains;
using pawl::item_state;
using pawl::test::error_of;
using pawl::test::quiet;
using pawl::test::temp_dir;

namespace {

pawl::engine_options hosted(pawl::threads how, std::size_t window = 8192) {
  pawl::engine_options options = quiet();
  options.threads = how;
  options.window_items = window;
  return options;
}

constexpr pawl::threads hosted_kinds[] = {pawl::threads::flusher, pawl::threads::none};

std::size_t threads_of_this_process() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& one : std::filesystem::directory_iterator("/proc/self/task")) ++count;
  return count;
}

}  // namespace

TEST_CASE("polling takes submitted items through their steps, all on the caller's thread") {
  for (const pawl::threads how : hosted_kinds) {
    CAPTURE(static_cast<int>(how));
    const temp_dir dir;
    std::set<std::thread::id> seen;
    const auto note = [&] { seen.insert(std::this_thread::get_id()); };
    const auto w = pawl::workflow<"w">(pawl::step<"a">([&](int n) {
                                         note();
                                         return n + 1;
                                       }),
                                       pawl::pure<"b">([&](int n) {
                                         note();
                                         return n * 2;
                                       }),
                                       pawl::step<"c">([&](int n) {
                                         note();
                                         return n;
                                       }));
    pawl::engine engine(dir / "state", hosted(how));
    CHECK(engine.poll(1ms).in_flight == 0);
    std::vector<pawl::handle<int>> handles;
    int called_back = 0;
    for (int i = 0; i < 3000; ++i) {
      handles.push_back(engine.submit(w, i));
      handles.back().then([&](const pawl::handle<int>&) {
        note();
        ++called_back;
      });
    }
    CHECK(seen.empty());  // nothing runs but in poll
    CHECK(handles[0].state() == item_state::pending);
    std::uint64_t ended = 0;
    for (pawl::poll_result now{}; (now = engine.poll(200us)).in_flight != 0;) ended += now.ended;
    CHECK(called_back == 3000);
    CHECK(ended <= 3000);
    bool right = true;
    for (int i = 0; i < 3000; ++i) right &= *handles[static_cast<std::size_t>(i)].result() == 2 * (i + 1);
    CHECK(right);
    CHECK(seen == std::set<std::thread::id>{std::this_thread::get_id()});
    const pawl::report report = engine.close(w);
    CHECK(report.done == 3000);
    CHECK(report.steps == 9000);
  }
}

TEST_CASE("threads::none has no thread at all, not even with a journal that is full again and again") {
  const temp_dir dir;
  const std::size_t before = threads_of_this_process();
  pawl::engine_options options = hosted(pawl::threads::none, 64);
  options.journal_bytes = std::uint64_t{16} << 20;
  const auto w = pawl::workflow<"w">(pawl::step<"a">([](int n) { return std::string(60'000, static_cast<char>('a' + n % 26)); }),
                                     pawl::step<"b">([](const std::string& text) { return text.substr(1); }));
  {
    pawl::engine engine(dir / "state", options);
    int next = 0;
    while (next < 500 || engine.poll(0s).in_flight != 0) {
      while (next < 500 && engine.try_submit(w, next)) ++next;
      static_cast<void>(engine.poll(200us));
      REQUIRE(threads_of_this_process() == before);
    }
    CHECK(engine.close(w).done == 500);
  }
  options.threads = pawl::threads::workers;
  pawl::engine engine(dir / "state", options);
  CHECK(engine.result(w, 499)->size() == 59'999);
  CHECK(engine.result(w, 0)->at(0) == 'a');
}

TEST_CASE("run works without worker threads, too, on the caller's thread") {
  for (const pawl::threads how : hosted_kinds) {
    const temp_dir dir;
    std::set<std::thread::id> seen;
    const auto w = pawl::workflow<"w">(pawl::step<"a">([&](int n) {
                                         seen.insert(std::this_thread::get_id());
                                         return n;
                                       }),
                                       pawl::step<"b">([](int n) { return n; }));
    {
      pawl::engine_options options = hosted(how, 16);
      options.workers = 4;
      pawl::engine engine(dir / "state", options);
      std::vector<int> items;
      for (int i = 0; i < 1000; ++i) items.push_back(i);
      CHECK(engine.run(w, items).done == 1000);
      CHECK(engine.run(w, items).settled_before == 1000);
    }
    CHECK(seen == std::set<std::thread::id>{std::this_thread::get_id()});
  }
}

TEST_CASE("a step that is longer than the budget is begun once in a poll; one without a budget begins nothing") {
  const temp_dir dir;
  int calls = 0;
  const auto w = pawl::workflow<"w">(pawl::step<"s">([&](int n) {
    ++calls;
    std::this_thread::sleep_for(2ms);
    return n;
  }));
  pawl::engine engine(dir / "state", hosted(pawl::threads::flusher));
  for (int i = 0; i < 10; ++i) static_cast<void>(engine.submit(w, i));
  CHECK(engine.poll(0s).more);
  CHECK(calls == 0);
  int most = 0;
  for (bool going = true; going;) {
    const int before = calls;
    going = engine.poll(1ms).in_flight != 0;
    most = std::max(most, calls - before);
  }
  CHECK(calls == 10);
  CHECK(most == 1);
}

TEST_CASE("the window: try_submit says no, submit says so by an error, and polling makes room") {
  const temp_dir dir;
  const auto w = pawl::workflow<"w">(pawl::step<"s">([](int n) { return n; }));
  pawl::engine engine(dir / "state", hosted(pawl::threads::flusher, 4));
  for (int i = 0; i < 4; ++i) CHECK(engine.try_submit(w, i));
  CHECK_FALSE(engine.try_submit(w, 4));
  const pawl::error full = error_of([&] { static_cast<void>(engine.submit(w, 4)); });
  CHECK(full.code() == pawl::errc::window_full);
  CHECK_THAT(full.what(), Contains("poll") && Contains("try_submit"));
  while (engine.poll(1ms).in_flight != 0) {
  }
  CHECK(engine.try_submit(w, 4));
}

TEST_CASE("one poll at a time: from a second thread or within a step it is refused") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", hosted(pawl::threads::flusher));
  std::string within;
  std::string beside;
  const auto w = pawl::workflow<"w">(pawl::step<"s">([&](int n) {
    within = error_of([&] { static_cast<void>(engine.poll(1ms)); }).what();
    std::thread([&] {
      const pawl::error refused = error_of([&] { static_cast<void>(engine.poll(1ms)); });
      if (refused.code() == pawl::errc::bad_argument) beside = refused.what();
    }).join();
    return n;
  }));
  const auto one = engine.submit(w, 1);
  while (!one.resolved()) static_cast<void>(engine.poll(1ms));
  CHECK(one.state() == item_state::done);
  CHECK_THAT(within, Contains("another poll"));
  CHECK(beside == within);
  CHECK(error_of([&] { static_cast<void>(engine.poll(-1s)); }).code() == pawl::errc::bad_argument);
}

TEST_CASE("other threads submit while the host polls") {
  for (const pawl::threads how : hosted_kinds) {
    const temp_dir dir;
    int calls = 0;  // one thread
    const auto w = pawl::workflow<"w">(pawl::step<"s">([&](int n) {
      ++calls;
      return n;
    }));
    pawl::engine engine(dir / "state", hosted(how, 64));
    std::atomic<int> submitting{8};
    std::atomic<int> done{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t)
      threads.emplace_back([&, t] {
        for (int i = 0; i < 200;) {
          const auto one = engine.try_submit(w, t * 200 + i);
          if (!one) {
            std::this_thread::yield();
            continue;
          }
          ++i;
          done += one->wait() == item_state::done;
        }
        --submitting;
      });
    while (submitting != 0) static_cast<void>(engine.poll(200us));
    for (std::thread& one : threads) one.join();
    CHECK(calls == 1600);
    CHECK(done == 1600);
  }
}

TEST_CASE("several workflows are polled, the busy one does not keep the other from going on") {
  const temp_dir dir;
  const auto busy = pawl::workflow<"busy">(pawl::step<"s">([](int n) {
    std::this_thread::sleep_for(1ms);
    return n;
  }));
  const auto rare = pawl::workflow<"rare">(pawl::step<"s">([](int n) { return n; }));
  pawl::engine engine(dir / "state", hosted(pawl::threads::flusher));
  for (int i = 0; i < 300; ++i) static_cast<void>(engine.submit(busy, i));
  const auto one = engine.submit(rare, 1);
  std::size_t left = 0;
  while (!one.resolved()) left = engine.poll(500us).in_flight;
  CHECK(left > 1);
  engine.stop();
}

TEST_CASE("retries, time-outs and limits work in a poll") {
  const temp_dir dir;
  int failures = 3;
  const auto w = pawl::workflow<"w">(
      pawl::step<"retried">([&](int n) {
        if (n == 0 && failures-- > 0) throw std::runtime_error("not yet");
        return n;
      }).retry({.attempts = 5, .first_delay = 5ms}),
      pawl::step<"limited">([](int n) { return n; }).concurrency(1).rate_limit({.calls = 5, .per = 5ms}),
      pawl::step<"timed">([](int n, pawl::context& ctx) {
        while (n == 1 && !ctx.stop_token().stop_requested()) std::this_thread::sleep_for(1ms);
        if (n == 1) throw std::runtime_error("gave up");
        return n;
      }).timeout(20ms));
  pawl::engine engine(dir / "state", hosted(pawl::threads::flusher));
  std::vector<pawl::handle<int>> handles;
  for (int i = 0; i < 20; ++i) handles.push_back(engine.submit(w, i));
  while (engine.poll(1ms).in_flight != 0) {
  }
  CHECK(handles[0].state() == item_state::done);
  CHECK(handles[1].state() == item_state::failed);
  CHECK_THAT(handles[1].reason(), Contains("timed out"));
  const pawl::report report = engine.close(w);
  CHECK(report.done == 19);
  CHECK(report.failed == 1);
}

TEST_CASE("what needs a thread of its own is refused without one") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", hosted(pawl::threads::none));
  const auto timed = pawl::workflow<"timed">(pawl::step<"s">([](int n) { return n; }).timeout(1s));
  CHECK_THAT(error_of([&] { static_cast<void>(engine.submit(timed, 1)); }).what(), Contains("time-out of step 's'"));
  const auto tables = pawl::workflow<"tables">(pawl::transactional<"t">([](int, pawl::transaction&) {}));
  CHECK_THAT(error_of([&] { static_cast<void>(engine.submit(tables, 1)); }).what(),
             Contains("transactional step 't' needs a thread"));
  const auto w = pawl::workflow<"w">(pawl::step<"s">([](int n) { return n; }));
  pawl::run_options options;
  options.progress = [](const pawl::progress&) {};
  CHECK(error_of([&] { engine.open(w, options); }).code() == pawl::errc::bad_argument);
  CHECK(error_of([&] { static_cast<void>(engine.run(w, std::vector<int>{1}, options)); }).code() ==
        pawl::errc::bad_argument);
}

TEST_CASE("stop, cancel and a failing callback in a poll") {
  for (const pawl::threads how : hosted_kinds) {
    const temp_dir dir;
    const auto w = pawl::workflow<"w">(pawl::step<"s">([](int n) { return n; }));
    pawl::engine engine(dir / "state", hosted(how));
    const auto cancelled = engine.submit(w, 1);
    CHECK(cancelled.cancel());
    while (!cancelled.resolved()) static_cast<void>(engine.poll(1ms));
    CHECK(cancelled.state() == item_state::skipped);

    const auto bad = engine.submit(w, 2);
    bad.then([](const pawl::handle<int>&) { throw std::runtime_error("what a mess"); });
    const pawl::error failed = error_of([&] {
      for (;;) static_cast<void>(engine.poll(1ms));
    });
    CHECK(failed.code() == pawl::errc::callback_failed);
    CHECK(engine.poll(1ms).in_flight == 0);  // told once
    CHECK(error_of([&] { static_cast<void>(engine.close(w)); }).code() == pawl::errc::callback_failed);

    std::vector<pawl::handle<int>> handles;
    for (int i = 10; i < 40; ++i) handles.push_back(engine.submit(w, i));
    engine.stop();
    CHECK(error_of([&] { static_cast<void>(engine.submit(w, 99)); }).code() == pawl::errc::stopped);
    while (!handles.back().resolved()) static_cast<void>(engine.poll(1ms));
    for (const auto& one : handles) CHECK(one.state() == item_state::pending);
    CHECK(engine.close(w).done == 0);
  }
}

TEST_CASE("closing works until all is done; the engine's end resolves what is left") {
  for (const pawl::threads how : hosted_kinds) {
    const temp_dir dir;
    const auto w = pawl::workflow<"w">(pawl::step<"a">([](int n) { return n; }), pawl::step<"b">([](int n) { return n; }));
    pawl::handle<int> left;
    {
      pawl::engine engine(dir / "state", hosted(how));
      for (int i = 0; i < 500; ++i) static_cast<void>(engine.submit(w, i));
      CHECK(engine.close(w).done == 500);
      left = engine.submit(w, 1000);
    }
    CHECK(left.wait() == item_state::pending);
  }
}

TEST_CASE("killed while it polls, a host finds every item that was resolved, and goes on") {
  for (const pawl::threads how : hosted_kinds) {
    const temp_dir dir;
    const auto w = pawl::workflow<"w">(pawl::step<"a">([](int n) { return n + 1; }),
                                       pawl::step<"b">([](int n) { return n * 2; }));
    int pipe_ends[2];
    REQUIRE(::pipe(pipe_ends) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      pawl::engine engine(dir / "state", hosted(how, 128));
      int resolved = 0;
      for (int next = 0;;) {
        if (const auto one = engine.try_submit(w, next)) {
          one->then([&, next](const pawl::handle<int>&) {
            if (::write(pipe_ends[1], &next, sizeof next) != sizeof next) ::_exit(1);
            if (++resolved == 2000) ::_exit(0);  // no destructor, no flush
          });
          ++next;
        } else {
          static_cast<void>(engine.poll(200us));
        }
      }
    }
    ::close(pipe_ends[1]);
    std::set<int> told;
    for (int one = 0; ::read(pipe_ends[0], &one, sizeof one) == sizeof one;) told.insert(one);
    ::close(pipe_ends[0]);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(status == 0);
    REQUIRE(told.size() == 2000);

    pawl::engine engine(dir / "state", hosted(how));
    bool all = true;
    for (const int one : told) {
      const auto found = engine.find(w, one);
      all &= found && found->state() == item_state::done && *found->result() == 2 * (one + 1);
    }
    CHECK(all);
    std::vector<pawl::handle<int>> rest;
    for (int i = 0; i < 3000; ++i) rest.push_back(engine.submit(w, i));
    while (engine.poll(1ms).in_flight != 0) {
    }
    const pawl::report report = engine.close(w);
    CHECK(report.done == 3000);
    CHECK(report.settled_before >= 2000);
  }
}

TEST_CASE("batches, transactions, loops and calls at most once work in a poll and for handles") {
  static constexpr pawl::table<"sums", std::string, std::int64_t> sums;
  for (const pawl::threads how : {pawl::threads::workers, pawl::threads::flusher}) {
    CAPTURE(static_cast<int>(how));
    const temp_dir dir;
    std::atomic<int> entries = 0;
    std::atomic<int> once = 0;
    const auto w = pawl::workflow<"w">(
        pawl::batch<"together">([&](pawl::batch_view<int> all) {
          std::vector<int> made;
          for (const auto& one : all) made.push_back(one.value + 1);
          entries += static_cast<int>(made.size());
          return made;
        }, {.max_items = 100, .max_delay = 10ms}),
        pawl::transactional<"book">([](const int& n, pawl::transaction& tx) {
          tx.put(sums, "all", tx.get(sums, "all").value_or(0) + n);
        }),
        pawl::step<"once">([&](const int& n) {
          ++once;
          return n;
        }).at_most_once(),
        pawl::loop<"count">([](int& n) { return ++n % 10 == 0 ? pawl::round::done : pawl::round::again; },
                            {.every_rounds = 1000}));
    constexpr int items = 950;
    {
      pawl::engine engine(dir / "state", hosted(how, 256));
      std::vector<pawl::handle<int>> handles;
      for (int next = 0; next < items;) {
        if (const auto one = engine.try_submit(w, next)) {
          handles.push_back(*one);
          ++next;
        } else if (how == pawl::threads::workers) {
          handles.front().wait();
          std::this_thread::yield();
        } else {
          static_cast<void>(engine.poll(200us));
        }
      }
      if (how != pawl::threads::workers)
        while (engine.poll(200us).in_flight != 0) {
        }
      bool right = true;
      for (int n = 0; n < items; ++n) {
        const auto& one = handles[static_cast<std::size_t>(n)];
        right &= one.wait() == item_state::done && *one.result() == (n + 1 + 1 + 9) / 10 * 10;
      }
      CHECK(right);
      CHECK(engine.close(w).done == items);
      CHECK(engine.view().get(sums, "all") == items * (items + 1) / 2);
    }
    CHECK(entries == items);
    CHECK(once == items);
  }
}

TEST_CASE("a batch that is not full is called in a poll where nothing else can join it") {
  for (const pawl::threads how : hosted_kinds) {
    CAPTURE(static_cast<int>(how));
    const temp_dir dir;
    std::vector<std::size_t> sizes;
    const auto w = pawl::workflow<"w">(
        pawl::batch<"b">([&](pawl::batch_view<int> all) { sizes.push_back(all.size()); }, {.max_items = 100, .max_delay = 1h}));
    pawl::engine engine(dir / "state", hosted(how));
    for (int i = 0; i < 130; ++i) static_cast<void>(engine.submit(w, i));
    while (engine.poll(1ms).in_flight != 0) {
    }
    std::size_t sum = 0;
    for (const std::size_t one : sizes) sum += one;
    CHECK(sum == 130);
    CHECK(*std::max_element(sizes.begin(), sizes.end()) == 100);
    CHECK(engine.close(w).done == 130);
  }
}

TEST_CASE("a cancelled item is skipped at a batch and at a transactional step, and is not among its entries") {
  const temp_dir dir;
  int entries = 0;
  const auto w = pawl::workflow<"w">(
      pawl::step<"first">([](int n) { return n; }),
      pawl::batch<"together">([&](pawl::batch_view<int> all) { entries += static_cast<int>(all.size()); },
                              {.max_items = 64, .max_delay = 1ms}));
  pawl::engine engine(dir / "state", hosted(pawl::threads::flusher));
  std::vector<pawl::handle<int>> handles;
  for (int i = 0; i < 100; ++i) handles.push_back(engine.submit(w, i));
  for (int i = 0; i < 100; i += 2) CHECK(handles[static_cast<std::size_t>(i)].cancel());
  while (engine.poll(1ms).in_flight != 0) {
  }
  CHECK(entries == 50);
  CHECK(handles[0].state() == item_state::skipped);
  CHECK(handles[0].reason() == "cancelled");
  CHECK(handles[1].state() == item_state::done);
  const pawl::report report = engine.close(w);
  CHECK(report.done == 50);
  CHECK(report.skipped == 50);
}

TEST_CASE("results of a megabyte need no thread either") {
  const temp_dir dir;
  const std::size_t before = threads_of_this_process();
  const auto w = pawl::workflow<"w">(pawl::step<"a">([](int n) { return std::string(1 << 20, static_cast<char>('a' + n)); }));
  {
    pawl::engine engine(dir / "state", hosted(pawl::threads::none, 8));
    std::vector<pawl::handle<std::string>> handles;
    for (int i = 0; i < 20; ++i) {
      std::optional<pawl::handle<std::string>> one;
      while (!(one = engine.try_submit(w, i))) static_cast<void>(engine.poll(1ms));
      handles.push_back(*one);
      CHECK(threads_of_this_process() == before);
    }
    CHECK(engine.close(w).done == 20);
    CHECK(threads_of_this_process() == before);
  }
  pawl::engine engine(dir / "state", quiet());
  CHECK(*engine.result(w, 19) == std::string(1 << 20, 't'));
}
