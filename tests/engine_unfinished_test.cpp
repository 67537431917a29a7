// resume(): what is unfinished in the state goes on without a source.
#include <pawl/inspect.hpp>
#include <pawl/pawl.hpp>

#include "support/catch.hpp"
#include "support/looked_at.hpp"
#include "support/numbers.hpp"
#include "support/quiet.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

using Catch::Contains;
using pawl::test::numbers;
using pawl::test::quiet;
using pawl::test::temp_dir;

namespace {

// An input that cannot be recorded.
struct job {
  int id = 0;
  std::function<int()> work;
};

// An input that can.
struct order {
  int id = 0;
  std::string what;
};

}  // namespace

TEST_CASE("what a stopped run left is finished without its source, each step once") {
  const temp_dir dir;
  std::mutex mutex;
  std::map<std::string, int> calls;
  std::vector<int> order_of_writes;
  pawl::engine* running = nullptr;
  const auto w = pawl::workflow<"w">(pawl::step<"read">([&](int n) {
                                       const std::scoped_lock lock(mutex);
                                       ++calls["read " + std::to_string(n)];
                                       return std::to_string(n);
                                     }),
                                     pawl::step<"write">([&](const std::string& text) {
                                       const std::scoped_lock lock(mutex);
                                       ++calls["write " + text];
                                       order_of_writes.push_back(std::stoi(text));
                                       if (running != nullptr && order_of_writes.size() == 50) running->stop();
                                       return text + "!";
                                     }));
  pawl::report stopped;
  {
    pawl::engine engine(dir / "state", quiet(2));
    running = &engine;
    stopped = engine.run(w, numbers(5000));
    running = nullptr;
  }
  REQUIRE(stopped.stopped);
  REQUIRE(stopped.pending + stopped.in_progress > 50);
  REQUIRE(stopped.in_progress > 0);

  pawl::engine_options options = quiet();
  options.window_items = 16;
  pawl::engine engine(dir / "state", options);
  order_of_writes.clear();
  const pawl::report report = engine.resume(w);
  CHECK(report.items == stopped.pending + stopped.in_progress);
  CHECK(report.done == report.items);
  CHECK(report.resumed == stopped.in_progress);
  CHECK(report.steps == 2 * stopped.pending + stopped.in_progress);
  CHECK_FALSE(report.stopped);
  CHECK(report.left == 0);
  CHECK(calls.size() == 2 * stopped.items);
  CHECK(std::all_of(calls.begin(), calls.end(), [](const auto& one) { return one.second == 1; }));
  CHECK(engine.result(w, 0) == "0!");
  CHECK(engine.resume(w).items == 0);
  // The rest of the source comes as it would have.
  CHECK(engine.run(w, numbers(5000)).settled_before == stopped.items);
}

TEST_CASE("one worker takes unfinished items up in the order of their admission, more than a page of them") {
  const temp_dir dir;
  bool down = true;
  std::vector<int> tried;
  const auto w = pawl::workflow<"w">(pawl::step<"s">([&](int n) {
    if (!down) tried.push_back(n);
    if (down && n % 3 != 0) throw std::runtime_error("down");
    return n;
  }));
  pawl::engine_options options = quiet();
  options.window_items = 8;
  pawl::engine engine(dir / "state", options);
  REQUIRE(engine.run(w, numbers(3000)).failed == 2000);
  down = false;
  pawl::progress last;
  pawl::run_options run;
  run.progress = [&](const pawl::progress& now) { last = now; };
  const pawl::report report = engine.resume(w, run);
  CHECK(report.items == 2000);
  CHECK(report.done == 2000);
  CHECK(last.size_hint == 2000);
  CHECK(last.finished() == 2000);
  CHECK(tried.size() == 2000);
  CHECK(std::is_sorted(tried.begin(), tried.end()));
}

TEST_CASE("failed items are taken up as a run would, sticky ones stay and are counted") {
  const temp_dir dir;
  bool down = true;
  const auto w = pawl::workflow<"w">(pawl::step<"s">([&](int n) -> pawl::outcome<int> {
    if (n == 1) return pawl::fail("for good", true);
    if (n == 2 && down) return pawl::fail("down");
    return n;
  }));
  pawl::engine engine(dir / "state", quiet());
  REQUIRE(engine.run(w, numbers(4)).failed == 2);
  pawl::run_options keep;
  keep.on_failed = pawl::on_failed::keep;
  down = false;
  pawl::report report = engine.resume(w, keep);
  CHECK(report.items == 2);
  CHECK(report.failed == 2);
  CHECK(report.settled_before == 2);
  report = engine.resume(w);
  CHECK(report.items == 2);
  CHECK(report.done == 1);
  CHECK(report.failed == 1);
  CHECK(report.settled_before == 1);
}

TEST_CASE("an item whose input is not stored is named and left as it is, one behind its first step goes on") {
  const temp_dir dir;
  bool down = true;
  const auto w = pawl::workflow<"w">(pawl::step<"work">([&](const job& one) {
                                       if (one.id == 1 && down) throw std::runtime_error("no power");
                                       return one.work();
                                     }),
                                     pawl::step<"tell">([&](int n) {
                                       if (down) throw std::runtime_error("no line");
                                       return n * 2;
                                     }))
                     .key(&job::id);
  const auto jobs = [] {
    std::vector<job> all;
    for (int i = 0; i < 3; ++i) all.push_back({i, [i] { return i * 10; }});
    return all;
  };
  pawl::engine engine(dir / "state", quiet());
  REQUIRE(engine.run(w, jobs()).failed == 3);
  down = false;
  pawl::report report = engine.resume(w);
  CHECK(report.items == 3);
  CHECK(report.done == 2);
  CHECK(report.failed == 1);
  CHECK(report.left == 1);
  CHECK(report.held == 0);
  CHECK_FALSE(report.stopped);
  REQUIRE(report.first_left.size() == 1);
  CHECK(report.first_left[0].key == "1");
  CHECK(report.first_left[0].step == "work");
  CHECK_THAT(report.first_left[0].reason, Contains("run it from its source"));
  CHECK_THAT(pawl::to_string(report), Contains("left as they are"));
  CHECK_THAT(pawl::to_json(report), Contains("\"left\":1"));
  CHECK(engine.result(w, 2) == 40);
  CHECK(engine.resume(w).left == 1);  // nothing of it has changed
  report = engine.run(w, jobs());
  CHECK(report.done == 3);
  CHECK(engine.result(w, 1) == 20);
}

TEST_CASE("pending items that are left do not make the run a stopped one") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  const auto w = pawl::workflow<"w">(pawl::step<"s">([&](const job& one) {
                   engine.stop();
                   return one.work();
                 })).key(&job::id);
  std::vector<job> jobs;
  for (int i = 0; i < 10; ++i) jobs.push_back({i, [i] { return i; }});
  const pawl::report stopped = engine.run(w, jobs);
  REQUIRE(stopped.pending > 0);
  const pawl::report report = engine.resume(w);
  CHECK(report.items == stopped.pending);
  CHECK(report.pending == stopped.pending);
  CHECK(report.left == stopped.pending);
  CHECK_FALSE(report.stopped);
}

TEST_CASE("a stored input is used, and a changed chain is judged as in a run") {
  const temp_dir dir;
  bool down = true;
  const auto flaky = [&](const std::string& text) {
    if (down) throw std::runtime_error("down");
    return text + "!";
  };
  const auto w = [&](std::uint32_t version) {
    return pawl::workflow<"w">(pawl::step<"read">([](const order& one) { return one.what; }).version(version),
                               pawl::step<"write">(flaky))
        .key(&order::id);
  };
  pawl::engine engine(dir / "state", quiet());
  REQUIRE(engine.run(w(0), std::vector<order>{{1, "tea"}, {2, "milk"}}).failed == 2);
  down = false;
  const pawl::report held = engine.resume(w(1));
  CHECK(held.held == 2);
  CHECK(held.left == 0);
  CHECK(held.changes.size() == 1);
  pawl::run_options rerun;
  rerun.on_changed_chain = pawl::on_changed_chain::rerun;
  const pawl::report report = engine.resume(w(1), rerun);
  CHECK(report.redone == 2);
  CHECK(report.done == 2);
  CHECK(engine.result(w(1), 2) == "milk!");
}

TEST_CASE("a damaged item is named, the others go on") {
  const temp_dir dir;
  bool down = true;
  const auto w = pawl::workflow<"w">(pawl::step<"s">([&](const std::string& text) {
    if (down && text != "ok") throw std::runtime_error("down");
    return text;
  }));
  {
    pawl::engine engine(dir / "state", quiet());
    REQUIRE(engine.run(w, std::vector<std::string>{"ok", "a", "b", "c"}).failed == 3);
  }
  pawl::test::damage_row(dir / "state", 1, 2);
  down = false;
  pawl::engine engine(dir / "state", quiet());
  const pawl::report report = engine.resume(w);
  CHECK(report.items == 3);
  CHECK(report.done == 2);
  CHECK(report.failed == 1);
  REQUIRE(report.first_failures.size() == 1);
  CHECK(report.first_failures[0].key == "(item 2)");
  CHECK(engine.result(w, "c") == "c");
}

TEST_CASE("nothing to resume is an empty report") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  const auto w = pawl::workflow<"w">(pawl::step<"s">([](int n) { return n; }));
  CHECK(engine.resume(w).items == 0);
  CHECK(engine.run(w, numbers(3)).done == 3);
  const pawl::report report = engine.resume(w);
  CHECK(report.items == 0);
  CHECK_FALSE(report.stopped);
}
