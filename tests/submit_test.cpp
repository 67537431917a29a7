// submit, find and handles: a workflow that stays open, with worker threads.
#include <pawl/inspect.hpp>
#include <pawl/pawl.hpp>

#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/quiet.hpp"
#include "support/temp_dir.hpp"

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
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

auto doubling() {
  return pawl::workflow<"w">(pawl::step<"double">([](int n) { return 2 * n; }),
                             pawl::step<"tell">([](int n) { return std::to_string(n); }));
}

// Steps that wait until they are let go.
class gate {
public:
  void open() { opened_.set_value(); }
  void pass() const { future_.wait(); }

private:
  std::promise<void> opened_;
  std::shared_future<void> future_ = opened_.get_future().share();
};

}  // namespace

TEST_CASE("a submitted item is done when its handle resolves, and its result is there") {
  const temp_dir dir;
  const auto w = doubling();
  pawl::handle<std::string> survivor;
  CHECK_FALSE(survivor);
  {
    pawl::engine engine(dir / "state", quiet(2));
    const pawl::handle<std::string> one = engine.submit(w, 21);
    REQUIRE(one);
    CHECK(one.wait() == item_state::done);
    CHECK(one.resolved());
    CHECK(one.state() == item_state::done);
    CHECK(one.key() == "21");
    CHECK(one.reason().empty());
    CHECK(one.durability() == pawl::durability::power);
    REQUIRE(one.result() != nullptr);
    CHECK(*one.result() == "42");
    CHECK(engine.result(w, 21) == "42");
    survivor = one;
    CHECK(survivor == one);
    const pawl::report report = engine.close(w);
    CHECK(report.items == 1);
    CHECK(report.done == 1);
    CHECK(report.steps == 2);
    CHECK_FALSE(report.stopped);
  }
  CHECK(*survivor.result() == "42");  // outlives the engine
  // What was submitted is what a run finds.
  pawl::engine engine(dir / "state", quiet());
  CHECK(engine.run(w, std::vector<int>{21}).settled_before == 1);
}

TEST_CASE("eight threads submit, each item is done once") {
  const temp_dir dir;
  std::mutex mutex;
  std::multiset<int> called;
  const auto w = pawl::workflow<"w">(pawl::step<"s">([&](int n) {
    const std::scoped_lock lock(mutex);
    called.insert(n);
    return n + 1;
  }));
  pawl::engine_options options = quiet(2);
  options.window_items = 32;  // so they wait for room again and again
  pawl::engine engine(dir / "state", options);
  constexpr int each = 400;
  std::atomic<int> right{0};
  std::atomic<int> called_back{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      std::vector<pawl::handle<int>> handles;
      for (int i = 0; i < each; ++i) {
        handles.push_back(engine.submit(w, t * each + i));
        handles.back().then([&](const pawl::handle<int>& done) { called_back += done.state() == item_state::done; });
      }
      for (int i = 0; i < each; ++i) {
        const bool done = handles[static_cast<std::size_t>(i)].wait() == item_state::done;
        right += done && *handles[static_cast<std::size_t>(i)].result() == t * each + i + 1;
      }
    });
  for (std::thread& one : threads) one.join();
  const pawl::report report = engine.close(w);
  CHECK(right == 8 * each);
  CHECK(called_back == 8 * each);
  CHECK(called.size() == 8 * each);
  CHECK(std::set<int>(called.begin(), called.end()).size() == 8 * each);
  CHECK(report.items == 8 * each);
  CHECK(report.done == 8 * each);
}

TEST_CASE("while the window is full try_submit says no and leaves the item alone, and submit waits") {
  const temp_dir dir;
  gate open;
  const auto w = pawl::workflow<"w">(pawl::step<"s">([&](const std::string& text) {
    open.pass();
    return text;
  }));
  pawl::engine_options options = quiet(1);
  options.window_items = 2;
  pawl::engine engine(dir / "state", options);
  const auto first = engine.submit(w, "one");
  const auto second = engine.try_submit(w, std::string("two"));
  REQUIRE(second);
  std::string third = "a text too long for a small string's own place";
  CHECK_FALSE(engine.try_submit(w, std::move(third)));
  CHECK(third.size() > 40);
  std::atomic<bool> submitted{false};
  std::thread waits([&] {
    CHECK(engine.submit(w, "four").wait() == item_state::done);
    submitted = true;
  });
  CHECK_FALSE(first.wait_for(20ms));
  CHECK_FALSE(submitted);
  open.open();
  waits.join();
  CHECK(submitted);
  CHECK(first.wait() == item_state::done);
  CHECK(second->wait() == item_state::done);
}

TEST_CASE("a step or a callback that would wait for room in its own session gets an error instead") {
  const temp_dir dir;
  pawl::engine_options options = quiet(1);
  options.window_items = 1;
  pawl::engine engine(dir / "state", options);
  const pawl::workflow_of<int, int>* self = nullptr;
  const auto w = pawl::workflow<"w">(pawl::step<"s">([&](int n) {
    static_cast<void>(engine.submit(*self, n + 1));
    return n;
  }));
  self = &w;
  const auto one = engine.submit(w, 1);
  CHECK(one.wait() == item_state::failed);
  CHECK_THAT(one.reason(), Contains("window is full") && Contains("try_submit"));
}

TEST_CASE("a key that is in flight gives the same handle; one that has ended is taken up as in a run") {
  const temp_dir dir;
  gate open;
  std::atomic<int> calls{0};
  std::atomic<bool> down{true};
  const auto w = pawl::workflow<"w">(pawl::step<"s">([&](int n) {
    open.pass();
    ++calls;
    if (n == 2 && down) throw std::runtime_error("down");
    return n * 10;
  }));
  pawl::engine engine(dir / "state", quiet(2));
  const auto one = engine.submit(w, 1);
  const auto again = engine.submit(w, 1);
  CHECK(one == again);
  CHECK(engine.find(w, 1) == one);
  const auto two = engine.submit(w, 2);
  CHECK_FALSE(two == one);
  open.open();
  CHECK(one.wait() == item_state::done);
  CHECK(two.wait() == item_state::failed);
  CHECK(two.reason() == "down");
  CHECK(two.result() == nullptr);
  CHECK(calls == 2);

  const auto done_before = engine.submit(w, 1);
  CHECK(done_before.wait() == item_state::done);
  CHECK(calls == 2);
  REQUIRE(done_before.result() != nullptr);
  CHECK(*done_before.result() == 10);
  down = false;
  const auto retried = engine.submit(w, 2);
  CHECK(retried.wait() == item_state::done);
  CHECK(*retried.result() == 20);
  CHECK(calls == 3);
  const pawl::report report = engine.close(w);
  CHECK(report.items == 4);
  CHECK(report.done == 3);
  CHECK(report.failed == 1);
  CHECK(report.settled_before == 1);
}

TEST_CASE("failed, skipped and sticky items say why, also when they are submitted or found again") {
  const temp_dir dir;
  const auto w = pawl::workflow<"w">(pawl::step<"s">([](int n) -> pawl::outcome<int> {
    if (n == 1) return pawl::skip("not wanted");
    if (n == 2) return pawl::fail("broken for good", true);
    return n;
  }));
  {
    pawl::engine engine(dir / "state", quiet(2));
    const auto one = engine.submit(w, 1);
    const auto two = engine.submit(w, 2);
    CHECK(one.wait() == item_state::skipped);
    CHECK(one.reason() == "not wanted");
    CHECK(two.wait() == item_state::failed);
    CHECK(two.reason() == "broken for good");
    CHECK(engine.submit(w, 3).wait() == item_state::done);
  }
  pawl::engine engine(dir / "state", quiet(2));
  const auto again = engine.submit(w, 1);
  CHECK(again.wait() == item_state::skipped);
  CHECK(again.reason() == "not wanted");
  const auto found = engine.find(w, 2);
  REQUIRE(found);
  CHECK(found->resolved());
  CHECK(found->state() == item_state::failed);
  CHECK(found->reason() == "broken for good");
  const auto three = engine.find(w, 3);
  REQUIRE(three);
  CHECK(three->wait() == item_state::done);
  CHECK(*three->result() == 3);
  CHECK_FALSE(engine.find(w, 4));
}

TEST_CASE("the result of an item that was done before cannot be read once the engine is closed, and says so") {
  const temp_dir dir;
  const auto w = doubling();
  pawl::handle<std::string> read;
  pawl::handle<std::string> unread;
  {
    pawl::engine engine(dir / "state", quiet());
    engine.run(w, std::vector<int>{1});
    read = *engine.find(w, 1);
    CHECK(*read.result() == "2");
    unread = *engine.find(w, 1);
  }
  CHECK(*read.result() == "2");
  const pawl::error refused = error_of([&] { static_cast<void>(unread.result()); });
  CHECK(refused.code() == pawl::errc::stopped);
  CHECK_THAT(refused.what(), Contains("item '1'") && Contains("engine.result"));
}

TEST_CASE("what keeps no result gives none; a result that can only be moved is moved") {
  const temp_dir dir;
  int effects = 0;
  const auto none = pawl::workflow<"none">(pawl::step<"s">([&](int) { ++effects; }));
  const auto dropped = pawl::workflow<"dropped">(pawl::step<"s">([](int n) { return n; }).discard());
  const auto moved = pawl::workflow<"moved">(pawl::step<"s">([](int n) { return std::make_unique<int>(n).get() != nullptr ? std::optional<std::string>("x") : std::nullopt; }));
  pawl::engine engine(dir / "state", quiet());
  const auto a = engine.submit(none, 1);
  CHECK(a.wait() == item_state::done);
  CHECK(a.result() == nullptr);
  CHECK(effects == 1);
  const auto b = engine.submit(dropped, 1);
  CHECK(b.wait() == item_state::done);
  CHECK(b.result() == nullptr);
  CHECK(**engine.submit(moved, 1).result() == "x");
}

TEST_CASE("stop: handles resolve with what is recorded, submit is refused, close reports") {
  const temp_dir dir;
  gate open;
  std::atomic<int> begun{0};
  const auto w = pawl::workflow<"w">(pawl::step<"a">([&](int n) {
                                       ++begun;
                                       open.pass();
                                       return n;
                                     }),
                                     pawl::step<"b">([](int n) { return n; }));
  {
    pawl::engine engine(dir / "state", quiet(1));
    std::vector<pawl::handle<int>> handles;
    for (int i = 0; i < 20; ++i) handles.push_back(engine.submit(w, i));
    while (begun == 0) std::this_thread::sleep_for(1ms);
    engine.stop();
    const pawl::error refused = error_of([&] { static_cast<void>(engine.submit(w, 99)); });
    CHECK(refused.code() == pawl::errc::stopped);
    CHECK_THAT(refused.what(), Contains("was stopped") && Contains("engine.close"));
    open.open();
    int unfinished = 0;
    for (const auto& one : handles) {
      const item_state state = one.wait();
      CHECK((state == item_state::pending || state == item_state::in_progress));
      CHECK_THAT(one.reason(), Contains("stopped"));
      ++unfinished;
    }
    CHECK(unfinished == 20);
    CHECK(error_of([&] { static_cast<void>(engine.try_submit(w, 99)); }).code() == pawl::errc::stopped);
    const pawl::report report = engine.close(w);
    CHECK(report.done == 0);
    CHECK(report.pending + report.in_progress == report.items);
    CHECK(report.stopped);
    CHECK(engine.submit(w, 0).wait() == item_state::done);  // opened anew
    CHECK(*engine.submit(w, 19).result() == 19);
  }
  pawl::engine engine(dir / "state", quiet(1));
  const pawl::report rest = engine.run(w, std::vector<int>{0, 19});
  CHECK(rest.settled_before == 2);
}

TEST_CASE("a stop in an idle session ends it") {
  const temp_dir dir;
  const auto w = doubling();
  pawl::engine engine(dir / "state", quiet(3));
  CHECK(engine.submit(w, 1).wait() == item_state::done);
  engine.stop();
  CHECK(engine.close(w).done == 1);
}

TEST_CASE("the engine's end resolves what has not ended, and an unfinished item is found after a restart") {
  const temp_dir dir;
  std::atomic<bool> failing{true};
  std::atomic<int> reads{0};
  std::atomic<int> writes{0};
  const auto w = pawl::workflow<"w">(pawl::step<"read">([&](int n) {
                                       ++reads;
                                       return std::to_string(n);
                                     }),
                                     pawl::step<"write">([&](const std::string& text) {
                                       ++writes;
                                       if (failing) throw std::runtime_error("not yet");
                                       return text + "!";
                                     }).retry({.attempts = 100'000, .first_delay = 10ms, .factor = 1}));
  pawl::handle<std::string> left;
  {
    pawl::engine engine(dir / "state", quiet(2));
    left = engine.submit(w, 7);
    while (writes < 2) std::this_thread::sleep_for(1ms);  // then the failure of the first is recorded
  }
  CHECK(left.wait() == item_state::in_progress);
  CHECK_FALSE(left.reason().empty());
  CHECK(left.result() == nullptr);
  failing = false;
  {
    pawl::engine engine(dir / "state", quiet(2));
    const auto told = engine.find(w, 7);  // no session: what is recorded
    REQUIRE(told);
    CHECK(told->wait() == item_state::in_progress);
    CHECK_THAT(told->reason(), Contains("nobody works on it") && Contains("not yet"));
    CHECK_FALSE(told->cancel());
  }
  {
    pawl::engine engine(dir / "state", quiet(2));
    engine.open(w);
    const auto found = engine.find(w, 7);
    REQUIRE(found);
    CHECK(engine.find(w, 7) == found);
    CHECK(found->wait() == item_state::done);
    CHECK(*found->result() == "7!");
    CHECK(reads == 1);
    const pawl::report report = engine.close(w);
    CHECK(report.items == 1);
    CHECK(report.resumed == 1);
  }
}

TEST_CASE("an unfinished item goes on where it was when it is submitted again") {
  const temp_dir dir;
  std::atomic<bool> stop{true};
  std::atomic<int> reads{0};
  pawl::engine* running = nullptr;
  const auto w = pawl::workflow<"w">(pawl::step<"read">([&](int n) {
                                       ++reads;
                                       if (stop) running->stop();
                                       return n;
                                     }),
                                     pawl::step<"write">([](int n) { return n + 1; }));
  {
    pawl::engine engine(dir / "state", quiet(1));
    running = &engine;
    CHECK(engine.submit(w, 5).wait() == item_state::in_progress);
  }
  stop = false;
  pawl::engine engine(dir / "state", quiet(1));
  CHECK(*engine.submit(w, 5).result() == 6);
  CHECK(reads == 1);
}

TEST_CASE("a cancelled item is skipped for good") {
  const temp_dir dir;
  gate open;
  std::atomic<int> calls{0};
  const auto w = pawl::workflow<"w">(pawl::step<"a">([&](int n) {
                                       open.pass();
                                       ++calls;
                                       return n;
                                     }),
                                     pawl::step<"b">([&](int n) {
                                       ++calls;
                                       return n;
                                     }));
  pawl::engine engine(dir / "state", quiet(1));
  const auto running = engine.submit(w, 1);
  const auto waiting = engine.submit(w, 2);
  const auto kept = engine.submit(w, 3);
  CHECK(running.cancel());
  CHECK(waiting.cancel());
  open.open();
  CHECK(running.wait() == item_state::skipped);
  CHECK(running.reason() == "cancelled");
  CHECK(waiting.wait() == item_state::skipped);
  CHECK(kept.wait() == item_state::done);
  CHECK_FALSE(kept.cancel());
  CHECK(kept.state() == item_state::done);
  CHECK(calls <= 3);  // `running` may have begun
  CHECK(engine.close(w).skipped == 2);
  CHECK(engine.submit(w, 2).wait() == item_state::skipped);
}

TEST_CASE("cancelled items do not hold up those behind them at a step with limits") {
  const temp_dir dir;
  gate open;
  const auto w = pawl::workflow<"w">(pawl::step<"a">([&](int n) {
                                       open.pass();
                                       return n;
                                     }).concurrency(1).rate_limit({.calls = 2, .per = 5ms}));
  pawl::engine engine(dir / "state", quiet(2));
  std::vector<pawl::handle<int>> handles;
  for (int i = 0; i < 30; ++i) handles.push_back(engine.submit(w, i));
  for (std::size_t i = 0; i < 30; i += 2) handles[i].cancel();
  open.open();
  int done = 0;
  for (const auto& one : handles) done += one.wait() == item_state::done;
  CHECK(done >= 15);
  CHECK(done <= 16);  // the first may have begun
}

TEST_CASE("callbacks: each once, in the order of then, also for what has resolved; one may submit") {
  const temp_dir dir;
  gate open;
  const auto w = pawl::workflow<"w">(pawl::step<"s">([&](int n) {
    open.pass();
    return n;
  }));
  pawl::engine engine(dir / "state", quiet(1));
  std::mutex mutex;
  std::string order;
  const auto note = [&](char what) {
    const std::scoped_lock lock(mutex);
    order += what;
  };
  pawl::handle<int> next;
  std::promise<void> submitted;
  const auto one = engine.submit(w, 1);
  one.then([&](const pawl::handle<int>& done) { note(*done.result() == 1 ? 'a' : '?'); });
  one.then([&](const pawl::handle<int>&) { note('b'); });
  one.then([&](const pawl::handle<int>&) {
    next = engine.submit(w, 2);
    submitted.set_value();
  });
  CHECK(order.empty());
  open.open();
  submitted.get_future().wait();
  CHECK(next.wait() == item_state::done);
  one.then([&](const pawl::handle<int>&) { note('c'); });
  CHECK(order == "abc");
}

TEST_CASE("a callback that throws fails the session, which says so") {
  const temp_dir dir;
  const auto w = doubling();
  pawl::engine engine(dir / "state", quiet(2));
  gate open;
  const auto slow = pawl::workflow<"slow">(pawl::step<"s">([&](int n) {
    open.pass();
    return n;
  }));
  const auto one = engine.submit(slow, 1);
  one.then([](const pawl::handle<int>&) { throw std::runtime_error("what a mess"); });
  open.open();
  CHECK(one.wait() == item_state::done);
  const pawl::error failed = error_of([&] { static_cast<void>(engine.close(slow)); });
  CHECK(failed.code() == pawl::errc::callback_failed);
  CHECK_THAT(failed.what(), Contains("what a mess"));
  CHECK(engine.submit(slow, 1).wait() == item_state::done);
  CHECK(engine.submit(w, 1).wait() == item_state::done);
}

TEST_CASE("what cannot be submitted says so, and takes no place") {
  const temp_dir dir;
  struct order {
    std::string name;
  };
  const auto w = pawl::workflow<"w">(pawl::step<"s">([](const order& what) { return what.name; }))
                     .key([](const order& what) {
                       if (what.name == "bad") throw std::runtime_error("nameless");
                       return what.name;
                     });
  pawl::engine_options options = quiet(1);
  options.window_items = 1;
  pawl::engine engine(dir / "state", options);
  for (int i = 0; i < 3; ++i) {
    const pawl::error bad = error_of([&] { static_cast<void>(engine.submit(w, {"bad"})); });
    CHECK(bad.code() == pawl::errc::key_failed);
    CHECK_THAT(bad.what(), Contains("nameless"));
    CHECK(error_of([&] { static_cast<void>(engine.submit(w, {std::string(70'000, 'x')})); }).code() ==
          pawl::errc::too_large);
  }
  CHECK(engine.submit(w, {"good"}).wait() == item_state::done);
}

TEST_CASE("sessions and runs: what does not go together is refused by name") {
  const temp_dir dir;
  const auto w = doubling();
  const auto namesake = doubling();
  pawl::engine engine(dir / "state", quiet(1));
  CHECK(error_of([&] { static_cast<void>(engine.close(w)); }).code() == pawl::errc::bad_argument);
  engine.open(w);
  CHECK_THAT(error_of([&] { engine.open(w); }).what(), Contains("open already"));
  CHECK_THAT(error_of([&] { static_cast<void>(engine.run(w, std::vector<int>{1})); }).what(), Contains("close it"));
  CHECK_THAT(error_of([&] { static_cast<void>(engine.submit(namesake, 1)); }).what(), Contains("another workflow object"));
  CHECK(error_of([&] { engine.retry(w); }).code() == pawl::errc::bad_argument);
  CHECK_THAT(error_of([&] { static_cast<void>(engine.poll(1ms)); }).what(), Contains("worker threads"));
  const auto copy = w;
  CHECK(engine.submit(copy, 1).wait() == item_state::done);
  static_cast<void>(engine.close(w));
  CHECK(engine.run(w, std::vector<int>{1, 2}).done == 2);
}

TEST_CASE("a session may not be closed from within") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet(1));
  const pawl::workflow_of<int, int>* self = nullptr;
  const auto w = pawl::workflow<"w">(pawl::step<"s">([&](int n) {
    static_cast<void>(engine.close(*self));
    return n;
  }));
  self = &w;
  const auto one = engine.submit(w, 1);
  CHECK(one.wait() == item_state::failed);
  CHECK_THAT(one.reason(), Contains("cannot close the session"));
  CHECK(engine.close(w).failed == 1);
}

TEST_CASE("handles outlive their session and do not mix with later ones") {
  const temp_dir dir;
  const auto w = doubling();
  pawl::engine engine(dir / "state", quiet(2));
  std::vector<pawl::handle<std::string>> handles;
  for (int session = 0; session < 3; ++session) {
    for (int i = 0; i < 200; ++i) handles.push_back(engine.submit(w, session * 200 + i));
    CHECK(engine.close(w).done == 200);
  }
  bool right = true;
  for (int i = 0; i < 600; ++i) right &= *handles[static_cast<std::size_t>(i)].result() == std::to_string(2 * i);
  CHECK(right);
}
