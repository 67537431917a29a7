// What goes wrong inside an item or a run, and what the engine makes of it.
#include <pawl/pawl.hpp>

#include "support/catch.hpp"
#include "support/numbers.hpp"
#include "support/quiet.hpp"
#include "support/temp_dir.hpp"

#include <csignal>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using Catch::Contains;
using pawl::test::numbers;
using pawl::test::quiet;
using pawl::test::temp_dir;

namespace {

struct silent : std::exception {
  const char* what() const noexcept override { return nullptr; }
};

struct bad_data : std::runtime_error {
  using std::runtime_error::runtime_error;
};

pawl::errc code_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const pawl::error& failure) {
    INFO(failure.what());
    CHECK(std::string(failure.what()).size() > 40);
    return failure.code();
  }
  FAIL("nothing was thrown");
  return {};
}

}  // namespace

TEST_CASE("a step that throws fails its item, with the reason, and only its item") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet(2));
  const auto w = pawl::workflow<"w">(pawl::step<"half">([](int n) {
    if (n % 2 == 1) throw std::runtime_error("odd number " + std::to_string(n));
    if (n % 10 == 0) throw n;
    if (n == 52) throw silent();
    return n / 2;
  }));
  const pawl::report report = engine.run(w, numbers(100));
  CHECK(report.done == 39);
  CHECK(report.failed == 61);
  CHECK(report.first_failures.size() == 20);
  bool said_odd = false;
  bool said_int = false;
  for (const auto& failure : report.first_failures) {
    CHECK(failure.step == "half");
    said_odd |= failure.reason == "odd number " + failure.key;
    said_int |= failure.reason.find("a value of type int") != std::string::npos;
  }
  CHECK(said_odd);
  CHECK(said_int);
}

TEST_CASE("a failed item is tried again by the next run, from the step that failed") {
  const temp_dir dir;
  std::atomic<bool> broken = true;
  std::atomic<int> first = 0;
  const auto w = pawl::workflow<"w">(pawl::step<"first">([&](int n) {
                                       ++first;
                                       return n + 1;
                                     }),
                                     pawl::step<"second">([&](int n) {
                                       if (broken) throw std::runtime_error("down");
                                       return n * 10;
                                     }));
  {
    pawl::engine engine(dir / "state", quiet());
    CHECK(engine.run(w, numbers(10)).failed == 10);
  }
  pawl::engine engine(dir / "state", quiet());
  pawl::run_options keep;
  keep.on_failed = pawl::on_failed::keep;
  const pawl::report kept = engine.run(w, numbers(10), keep);
  CHECK(kept.failed == 10);
  CHECK(kept.settled_before == 10);
  broken = false;
  const pawl::report report = engine.run(w, numbers(10));
  CHECK(report.done == 10);
  CHECK(report.resumed == 10);
  CHECK(report.steps_saved == 10);
  CHECK(first == 10);
  CHECK(engine.result(w, 3) == 40);
}

TEST_CASE("retries back off, occupy no thread, and count") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet(1));
  std::atomic<int> calls = 0;
  const auto w = pawl::workflow<"w">(pawl::step<"s">([&](int n, pawl::context& ctx) {
                   ++calls;
                   if (ctx.attempt() < 4) throw std::runtime_error("busy");
                   return n;
                 }).retry({.attempts = 4, .first_delay = 50ms, .factor = 1, .jitter = 0}));
  const auto began = std::chrono::steady_clock::now();
  const pawl::report report = engine.run(w, numbers(200));
  const auto took = std::chrono::steady_clock::now() - began;
  CHECK(report.done == 200);
  CHECK(calls == 800);
  CHECK(report.step_reports[0].retries == 600);
  CHECK(report.step_reports[0].failures == 600);
  CHECK(took >= 150ms);
  CHECK(took < 20s);  // one after the other they would take 30 s
}

TEST_CASE("retry_on, skip_on and the limit of skips") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet(1));
  std::atomic<int> calls = 0;
  const auto w = pawl::workflow<"w">(pawl::step<"s">([&](int n) {
                   ++calls;
                   if (n < 10) throw bad_data("bad " + std::to_string(n));
                   if (n < 13) throw std::invalid_argument("never retried");
                   if (n < 15) throw std::range_error("retried once");
                   return n;
                 })
                     .retry_on<std::range_error>({.attempts = 2, .first_delay = 1ms})
                     .skip_on<bad_data>(6));
  const pawl::report report = engine.run(w, numbers(20));
  CHECK(report.skipped == 6);
  CHECK(report.failed == 4 + 3 + 2);
  CHECK(report.done == 5);
  CHECK(calls == 20 + 2);
  CHECK(report.first_skips.size() == 6);
}

TEST_CASE("an item is skipped by exception or by outcome, and stays skipped") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet(1));
  std::atomic<int> calls = 0;
  const auto w = pawl::workflow<"w">(pawl::step<"s">([&](int n) -> pawl::outcome<int> {
    ++calls;
    if (n == 0) throw pawl::skip_item("zero");
    if (n == 1) return pawl::skip("one");
    if (n == 2) return pawl::fail("two");
    if (n == 3) return pawl::fail("three", true);
    if (n == 4) throw pawl::sticky_failure("four");
    return n;
  }).retry({.attempts = 2, .first_delay = 1ms}));
  pawl::report report = engine.run(w, numbers(6));
  CHECK(report.done == 1);
  CHECK(report.skipped == 2);
  CHECK(report.failed == 3);
  CHECK(calls == 7);
  report = engine.run(w, numbers(6));
  CHECK(report.skipped == 2);
  CHECK(report.failed == 3);
  CHECK(report.settled_before == 5);
  CHECK(calls == 9);  // only the one that is not sticky
}

TEST_CASE("a time-out is cooperative and a failed attempt") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet(2));
  const auto w = pawl::workflow<"w">(pawl::step<"s">([&](int n, pawl::context& ctx) {
                   if (n == 0)
                     for (;;) {
                       ctx.throw_if_stopped();
                       std::this_thread::sleep_for(1ms);
                     }
                   return n;
                 }).timeout(30ms));
  const pawl::report report = engine.run(w, numbers(3));
  CHECK(report.done == 2);
  CHECK(report.failed == 1);
  CHECK_THAT(report.first_failures.at(0).reason, Contains("timed out"));
}

TEST_CASE("a step's concurrency limit holds, and nothing starves") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet(4));
  std::atomic<int> inside = 0;
  std::atomic<int> most = 0;
  const auto w = pawl::workflow<"w">(pawl::step<"a">([](int n) { return n; }), pawl::step<"one">([&](int n) {
                                       const int now = ++inside;
                                       int seen = most;
                                       while (seen < now && !most.compare_exchange_weak(seen, now)) {}
                                       std::this_thread::sleep_for(20us);
                                       --inside;
                                       return n;
                                     }).concurrency(pawl::serial));
  CHECK(engine.run(w, numbers(300)).done == 300);
  CHECK(most == 1);
}

TEST_CASE("stop ends a run cleanly, and the next one goes on inside the items") {
  const temp_dir dir;
  std::atomic<int> first = 0;
  std::atomic<int> second = 0;
  pawl::engine* running = nullptr;
  const auto w = pawl::workflow<"w">(pawl::step<"first">([&](int n) {
                                       ++first;
                                       return n;
                                     }),
                                     pawl::step<"second">([&](int n) {
                                       if (++second == 100) running->stop();
                                       return n;
                                     }));
  pawl::engine_options options = quiet(2);
  options.window_items = 64;
  {
    pawl::engine engine(dir / "state", options);
    running = &engine;
    const pawl::report report = engine.run(w, numbers(10'000));
    CHECK(report.stopped);
    CHECK(report.items < 1000);
    CHECK(report.done + report.in_progress + report.pending == report.items);
    CHECK(report.done >= 100);
  }
  pawl::engine engine(dir / "state", options);
  const pawl::report report = engine.run(w, numbers(10'000));
  CHECK_FALSE(report.stopped);
  CHECK(report.done == 10'000);
  CHECK(first == 10'000);
  CHECK(second == 10'000);
}

TEST_CASE("a stop token and a signal stop a run") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet(2));
  int next = 0;
  const auto endless = pawl::generate([&]() -> std::optional<int> { return next++; });
  std::stop_source source;
  const auto by_token = pawl::workflow<"token">(pawl::step<"s">([&](int n) {
    if (n == 50) source.request_stop();
    return n;
  }));
  pawl::run_options options;
  options.stop = source.get_token();
  CHECK(engine.run(by_token, endless, options).stopped);

  next = 0;
  const auto by_signal = pawl::workflow<"signal">(pawl::step<"s">([&](int n, pawl::context& ctx) {
    if (n == 60) std::raise(SIGTERM);
    if (n == 70)
      while (!ctx.stop_requested()) std::this_thread::sleep_for(1ms);
    return n;
  }));
  pawl::run_options signals;
  signals.stop_on_signals = true;
  CHECK(engine.run(by_signal, endless, signals).stopped);
}

TEST_CASE("a step that gives up because of a stop runs again, and has no failed attempt") {
  const temp_dir dir;
  std::atomic<int> calls = 0;
  std::stop_source source;
  const auto w = pawl::workflow<"w">(pawl::step<"s">([&](int n, pawl::context& ctx) {
    CHECK(ctx.attempt() == 1);
    if (++calls == 1) {
      source.request_stop();
      while (true) {
        ctx.throw_if_stopped();
        std::this_thread::sleep_for(1ms);
      }
    }
    return n;
  }));
  pawl::engine engine(dir / "state", quiet(1));
  pawl::run_options options;
  options.stop = source.get_token();
  const pawl::report stopped = engine.run(w, numbers(1), options);
  CHECK(stopped.pending == 1);
  CHECK(engine.run(w, numbers(1)).done == 1);
  CHECK(calls == 2);
}

TEST_CASE("a source that throws ends the run with its reason, after what was taken is finished") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet(2));
  const auto w = pawl::workflow<"w">(pawl::step<"s">([](int n) { return n; }));
  int next = 0;
  CHECK(code_of([&] {
          engine.run(w, pawl::generate([&]() -> std::optional<int> {
                       if (next == 500) throw std::runtime_error("the database went away");
                       return next++;
                     }));
        }) == pawl::errc::source_failed);
  const pawl::report report = engine.run(w, numbers(500));
  CHECK(report.settled_before == 500);
}

TEST_CASE("a key projection that throws, and a key that is too long, end the run with the item's number") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet(1));
  const auto w = pawl::workflow<"w">(pawl::step<"s">([](const std::string& s) { return s.size(); }));
  const auto throwing = w.key([](const std::string& s) -> std::string {
    if (s == "c") throw 7;
    return s;
  });
  CHECK(code_of([&] { engine.run(throwing, std::vector<std::string>{"a", "b", "c"}); }) == pawl::errc::key_failed);
  CHECK(engine.result(w, "b") == std::size_t{1});
  CHECK(code_of([&] { engine.run(w, std::vector<std::string>{std::string(65'537, 'k')}); }) == pawl::errc::too_large);
  CHECK(engine.run(w, std::vector<std::string>{std::string(65'536, 'k'), std::string(), std::string("\0\xff\n", 3)}).done == 3);
  CHECK(engine.result(w, std::string(65'536, 'k')) == std::size_t{65'536});
  CHECK(engine.result(w, "") == std::size_t{0});
}

TEST_CASE("a progress callback hears of the run to its end; one that throws stops it") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet(2));
  const auto w = pawl::workflow<"w">(pawl::step<"s">([](int n) {
    std::this_thread::sleep_for(100us);
    return n;
  }));
  pawl::run_options options;
  std::vector<std::uint64_t> seen;
  bool last = false;
  options.progress_interval = 5ms;
  options.progress = [&](const pawl::progress& now) {
    seen.push_back(now.finished());
    CHECK_FALSE(last);
    last = now.last;
    CHECK(now.size_hint == 1000u);
  };
  engine.run(w, numbers(1000), options);
  CHECK(seen.size() >= 3);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
  CHECK(seen.back() == 1000);
  CHECK(last);
  options.progress = [](const pawl::progress&) { throw std::runtime_error("no"); };
  const auto other = pawl::workflow<"other">(pawl::step<"s">([](int n) {
    std::this_thread::sleep_for(1ms);
    return n;
  }));
  CHECK(code_of([&] { engine.run(other, numbers(100'000), options); }) == pawl::errc::callback_failed);
}

TEST_CASE("options that make no sense are refused with a sentence") {
  const temp_dir dir;
  const auto open = [&](auto change) {
    pawl::engine_options options = quiet();
    change(options);
    return code_of([&] { pawl::engine engine(dir / "state", options); });
  };
  CHECK(open([](auto& o) { o.window_items = 0; }) == pawl::errc::bad_argument);
  CHECK(open([](auto& o) { o.window_bytes = 0; }) == pawl::errc::bad_argument);
  CHECK(open([](auto& o) { o.durability = static_cast<pawl::durability>(7); }) == pawl::errc::bad_argument);
  CHECK(open([](auto& o) { o.journal_bytes = 1000; }) == pawl::errc::bad_argument);
  CHECK(open([](auto& o) { o.flush_interval = pawl::seconds(0); }) == pawl::errc::bad_argument);
  CHECK(open([](auto& o) { o.workers = 1'000'000; }) == pawl::errc::bad_argument);
}
