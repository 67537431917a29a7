// rerun, retry and skip: items changed from outside of a run.
#include <pawl/inspect.hpp>
#include <pawl/pawl.hpp>

#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/looked_at.hpp"
#include "support/numbers.hpp"
#include "support/quiet.hpp"
#include "support/temp_dir.hpp"

#include <chrono>
#include <csignal>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using Catch::Contains;
using pawl::errc;
using pawl::item_state;
using pawl::test::numbers;
using pawl::test::quiet;
using pawl::test::temp_dir;

namespace {

struct order {
  int id = 0;
  std::string what;
};

struct refusal {
  errc code{};
  std::string sentence;
};

refusal refused(const std::function<void()>& call) {
  try {
    call();
  } catch (const pawl::error& failure) {
    return {failure.code(), failure.what()};
  }
  FAIL("nothing was thrown");
  return {};
}

// A chain that counts its calls and remembers the idempotency keys of its last step.
struct counting {
  std::map<std::string, int> calls;
  std::map<int, std::set<std::string>> keys;
  int factor = 2;

  auto workflow() {
    return pawl::workflow<"w">(pawl::step<"read">([this](int n) {
                                 ++calls["read"];
                                 return n;
                               }).keep(),
                               pawl::pure<"times">([this](int n) {
                                 ++calls["times"];
                                 return n * factor;
                               }),
                               pawl::step<"write">([this](int n, pawl::context& ctx) {
                                 ++calls["write"];
                                 keys[std::stoi(std::string(ctx.key()))].insert(std::string(ctx.idempotency_key()));
                                 return n;
                               }));
  }
};

pawl::item_view look(const pawl::engine& engine, const pawl::any_key& key) {
  const auto found = pawl::state_view(engine.state()).item("w", key);
  REQUIRE(found);
  return *found;
}

std::uint64_t count(const std::filesystem::path& state, item_state in) {
  return pawl::state_view(state).workflows().at(0).count(in);
}

}  // namespace

TEST_CASE("rerun takes kept results, does later steps again, and gives them new idempotency keys") {
  const temp_dir dir;
  counting told;
  const auto w = told.workflow();
  {
    pawl::engine engine(dir / "state", quiet());
    REQUIRE(engine.run(w, numbers(3)).done == 3);
    told.factor = 10;
    const pawl::amend_report made = engine.rerun(w, "times");
    CHECK(made.workflow == "w");
    CHECK(made.items == 3);
    CHECK(made.changed == 3);
    CHECK(made.unchanged + made.left == 0);
    CHECK(engine.rerun("w", "times").unchanged == 3);  // they come to it anyway
  }
  CHECK(count(dir / "state", item_state::in_progress) == 3);
  pawl::engine engine(dir / "state", quiet());
  const pawl::report report = engine.resume(w);
  CHECK(report.done == 3);
  CHECK(report.steps_saved == 3);
  CHECK(told.calls["read"] == 3);
  CHECK(told.calls["times"] == 6);
  CHECK(engine.result(w, 2) == 20);
  for (const auto& [item, keys] : told.keys) CHECK(keys.size() == 2);
  CHECK(look(engine, 2).generation == 1);
  CHECK(engine.run(w, numbers(3)).settled_before == 3);
}

TEST_CASE("what the step needs and is not stored is told, and nothing of the item changes") {
  const temp_dir dir;
  counting told;
  const auto w = told.workflow();
  pawl::engine engine(dir / "state", quiet());
  REQUIRE(engine.run(w, numbers(25)).done == 25);
  std::vector<std::string> named;
  pawl::rerun_options options;
  options.on_left = [&](const pawl::report_entry& one) { named.push_back(one.key); };
  const pawl::amend_report made = engine.rerun(w, "write", options);
  CHECK(made.items == 25);
  CHECK(made.left == 25);
  CHECK(made.changed == 0);
  CHECK(named.size() == 25);
  REQUIRE(made.first_left.size() == 20);
  CHECK(made.first_left[0].key == "0");
  CHECK_THAT(made.first_left[0].reason, Contains("'times'") && Contains("not stored") && Contains(".keep()"));
  const pawl::report report = engine.run(w, numbers(25));
  CHECK(report.settled_before == 25);
  CHECK(report.steps == 0);
}

TEST_CASE("rerun from the first step needs the input: a key that is one, or one that is stored") {
  const temp_dir dir;
  counting told;
  const auto by_key = told.workflow();
  pawl::engine engine(dir / "state", quiet());
  REQUIRE(engine.run(by_key, numbers(2)).done == 2);
  CHECK(engine.rerun(by_key, "read").changed == 2);
  CHECK(look(engine, 0).state == item_state::pending);
  CHECK(engine.resume(by_key).done == 2);
  CHECK(told.calls["read"] == 4);

  const auto w = pawl::workflow<"orders">(pawl::step<"read">([](const order& one) {
                                            if (one.id == 2) throw std::runtime_error("down");
                                            return one.what;
                                          })).key(&order::id);
  REQUIRE(engine.run(w, std::vector<order>{{1, "tea"}, {2, "milk"}}).failed == 1);
  const pawl::amend_report made = engine.rerun(w, "read");
  CHECK(made.changed == 1);  // a failed item still has its input
  CHECK(made.left == 1);
  REQUIRE(made.first_left.size() == 1);
  CHECK(made.first_left[0].key == "1");
  CHECK_THAT(made.first_left[0].reason, Contains("its input") && Contains("not stored"));
}

TEST_CASE("rerun changes what is chosen by key and state, and a dry run changes nothing") {
  const temp_dir dir;
  const auto w = pawl::test::shop();
  pawl::engine engine(dir / "state", quiet());
  REQUIRE(engine.run(w, std::vector<std::string>{"a", "bad", "no", "b"}).done == 2);
  const auto by_state = [](item_state state) {
    pawl::rerun_options options;
    options.state = state;
    return options;
  };
  pawl::rerun_options dry = by_state(item_state::done);
  dry.dry_run = true;
  CHECK(engine.rerun(w, "check", dry).changed == 2);
  CHECK(count(dir / "state", item_state::done) == 2);
  CHECK(engine.rerun(w, "check", by_state(item_state::skipped)).changed == 1);
  pawl::rerun_options named;
  named.keys = {"bad", "a", "bad"};
  CHECK(engine.rerun(w, "check", named).changed == 2);
  named.state = item_state::done;
  CHECK(engine.rerun(w, "check", named).items == 0);  // "a" is no longer done
  named.keys.emplace_back("nobody");
  const refusal said = refused([&] { engine.rerun(w, "check", named); });
  CHECK(said.code == errc::not_found);
  CHECK_THAT(said.sentence, Contains("'nobody'"));
  // A failed or skipped item that has not come behind the step stays what it is.
  CHECK(engine.rerun(w, "write", by_state(item_state::in_progress)).unchanged == 3);
  const pawl::report report = engine.resume(w);
  CHECK(report.items == 3);
  CHECK(report.done == 1);
  CHECK(report.failed == 1);
  CHECK(report.skipped == 1);
  CHECK(report.steps_saved == 3);
  CHECK(engine.rerun(w, "write").unchanged == 2);
}

TEST_CASE("a step, a workflow that is not there, and a run under way are refused with a sentence") {
  const temp_dir dir;
  counting told;
  const auto w = told.workflow();
  pawl::engine engine(dir / "state", quiet());
  CHECK(refused([&] { engine.rerun(w, "times"); }).code == errc::not_found);
  REQUIRE(engine.run(w, numbers(1)).done == 1);
  const refusal step = refused([&] { engine.rerun(w, "tiems"); });
  CHECK(step.code == errc::not_found);
  CHECK_THAT(step.sentence, Contains("'tiems'") && Contains("'read', 'times', 'write'"));
  const refusal workflow = refused([&] { engine.retry("v"); });
  CHECK(workflow.code == errc::not_found);
  CHECK_THAT(workflow.sentence, Contains("'w'"));

  refusal inside;
  const auto busy = pawl::workflow<"busy">(pawl::step<"s">([&](int n) {
    inside = refused([&] { engine.skip("busy", n, "in vain"); });
    return n;
  }));
  CHECK(engine.run(busy, numbers(1)).done == 1);
  CHECK(inside.code == errc::bad_argument);
  CHECK_THAT(inside.sentence, Contains("under way"));
}

TEST_CASE("items of an older chain without the step are left; a value that a later step reads is looked for") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  const auto a = pawl::step<"a">([](const order& one) { return one.what; }).keep();
  const auto longer = [&] {
    return pawl::workflow<"w">(pawl::step<"a">([](const order& one) { return one.what; }).keep(),
                               pawl::step<"b">([](const std::string& text, pawl::item<order> from) {
                                 return text + std::to_string(from->id);
                               }))
        .key(&order::id);
  }();
  const auto older = pawl::workflow<"w">(a).key(&order::id);
  REQUIRE(engine.run(older, std::vector<order>{{1, "tea"}}).done == 1);
  REQUIRE(engine.run(longer, std::vector<order>{{2, "milk"}}).done == 1);
  pawl::amend_report made = engine.rerun(longer, "b");
  CHECK(made.left == 2);
  REQUIRE(made.first_left.size() == 2);
  CHECK_THAT(made.first_left[0].reason, Contains("older program"));
  CHECK_THAT(made.first_left[1].reason, Contains("later step reads"));
  // By name nobody knows what the step reads; the next run says it, and one over the source does the work.
  CHECK(engine.rerun("w", "b").changed == 1);
  CHECK(engine.resume(longer).left == 1);
  CHECK(engine.run(longer, std::vector<order>{{2, "milk"}}).done == 1);
  CHECK(engine.result(longer, 2) == "milk2");
}

TEST_CASE("retry opens failed items where they failed, with the same idempotency keys and fresh attempts") {
  const temp_dir dir;
  std::map<int, std::set<std::string>> keys;
  int calls = 0;
  const auto w = pawl::workflow<"w">(pawl::step<"a">([](int n) { return n; }),
                                     pawl::step<"b">([&](int n, pawl::context& ctx) -> pawl::outcome<int> {
                                       ++calls;
                                       keys[n].insert(std::string(ctx.idempotency_key()));
                                       if (n == 0) return n;
                                       return pawl::fail("no", n == 3);
                                     }).retry({.attempts = 2, .first_delay = 0ms}));
  pawl::run_options keep;
  keep.on_failed = pawl::on_failed::keep;
  pawl::engine engine(dir / "state", quiet());
  REQUIRE(engine.run(w, numbers(4)).failed == 3);
  CHECK(calls == 1 + 2 + 2 + 1);
  CHECK(engine.resume(w, keep).steps == 0);

  pawl::reopen_options dry;
  dry.dry_run = true;
  CHECK(engine.retry(w, dry).changed == 2);
  const pawl::amend_report made = engine.retry(w);
  CHECK(made.items == 3);
  CHECK(made.changed == 2);
  CHECK(made.unchanged == 1);
  CHECK(look(engine, 1).state == item_state::in_progress);
  CHECK(look(engine, 1).error.empty());
  CHECK(look(engine, 3).sticky);
  calls = 0;
  CHECK(engine.resume(w, keep).failed == 3);
  CHECK(calls == 2 + 2);
  CHECK(keys[1].size() == 1);

  pawl::reopen_options sticky;
  sticky.sticky = true;
  CHECK(engine.retry(w, sticky).changed == 3);
  CHECK_FALSE(look(engine, 3).sticky);
  CHECK(engine.resume(w, keep).failed == 3);
  pawl::reopen_options named;
  named.keys = {3, 0};
  const pawl::amend_report one = engine.retry("w", named);
  CHECK(one.changed == 1);
  REQUIRE(one.left == 1);
  CHECK(one.first_left[0].key == "0");
  CHECK_THAT(one.first_left[0].reason, Contains("done"));
  CHECK(count(dir / "state", item_state::failed) == 2);
  CHECK(count(dir / "state", item_state::in_progress) == 1);
}

TEST_CASE("skip gives an item up for good, and only one that has not ended well") {
  const temp_dir dir;
  const auto w = pawl::test::shop();
  pawl::engine engine(dir / "state", quiet());
  REQUIRE(engine.run(w, std::vector<std::string>{"a", "bad", "no"}).failed == 1);
  engine.skip(w, "bad", "given up");
  const auto item = pawl::state_view(engine.state()).item("shop", "bad");
  REQUIRE(item);
  CHECK(item->state == item_state::skipped);
  CHECK(item->error == "given up");
  const pawl::report report = engine.run(w, std::vector<std::string>{"a", "bad", "no"});
  CHECK(report.skipped == 2);
  CHECK(report.settled_before == 3);
  CHECK(engine.resume(w).items == 0);
  const refusal done = refused([&] { engine.skip(w, "a", "why not"); });
  CHECK(done.code == errc::bad_argument);
  CHECK_THAT(done.sentence, Contains("'a'") && Contains("done"));
  CHECK(refused([&] { engine.skip(w, "no", "twice"); }).code == errc::bad_argument);
  CHECK(refused([&] { engine.skip(w, "nobody", "x"); }).code == errc::not_found);
  CHECK(refused([&] { engine.skip(w, "a", ""); }).code == errc::bad_argument);
  CHECK(refused([&] { engine.skip(w, "a", std::string(9000, 'x')); }).code == errc::bad_argument);
  CHECK(count(dir / "state", item_state::done) == 1);
  CHECK(count(dir / "state", item_state::skipped) == 2);
}

TEST_CASE("killed in the middle of a rerun, each item is changed or not, and the next one goes on") {
  const temp_dir dir;
  const auto read = [](int n) { return n; };
  const auto older = pawl::workflow<"w">(pawl::step<"a">(read).keep());
  const auto w = pawl::workflow<"w">(pawl::step<"a">(read).keep(), pawl::step<"b">([](int n) { return -n; }));
  const auto range = [](int from, int to) {
    std::vector<int> all;
    for (int i = from; i < to; ++i) all.push_back(i);
    return all;
  };
  {
    pawl::engine engine(dir / "state", quiet());
    REQUIRE(engine.run(w, range(0, 12'000)).done == 12'000);
    REQUIRE(engine.run(older, range(12'000, 12'001)).done == 1);  // has no "b": told when rerun comes to it
    REQUIRE(engine.run(w, range(12'001, 20'001)).done == 8'000);
  }
  pawl::test::child_process child([&](int) {
    pawl::engine engine(dir / "state", quiet());
    pawl::rerun_options options;
    options.on_left = [](const pawl::report_entry&) { ::kill(::getpid(), SIGKILL); };
    static_cast<void>(engine.rerun("w", "b", options));
    return 0;
  });
  REQUIRE(child.wait() == -SIGKILL);
  const std::uint64_t changed = count(dir / "state", item_state::in_progress);
  CHECK(changed > 0);
  CHECK(changed < 12'000);
  CHECK(count(dir / "state", item_state::done) + changed == 20'001);

  pawl::engine engine(dir / "state", quiet(2));
  const pawl::amend_report made = engine.rerun("w", "b");
  CHECK(made.changed + changed == 20'000);
  CHECK(made.unchanged == changed);
  CHECK(made.left == 1);
  const pawl::report report = engine.resume(w);
  CHECK(report.done == 20'000);
  CHECK(report.steps == 20'000);  // only "b"
  CHECK(look(engine, 0).generation == 1);  // once each, whoever changed it
  CHECK(look(engine, 20'000).generation == 1);
  CHECK(look(engine, 12'000).generation == 0);
}

TEST_CASE("killed at any moment of a retry, each item is opened or not, and the next one goes on") {
  const temp_dir dir;
  constexpr std::uint64_t items = 20'000;
  bool down = true;
  const auto w = pawl::workflow<"w">(pawl::step<"s">([&](int n) {
    if (down) throw std::runtime_error("down");
    return n;
  }));
  {
    pawl::engine engine(dir / "state", quiet());
    REQUIRE(engine.run(w, numbers(items)).failed == items);
  }
  std::uint64_t opened = 0;
  for (const auto delay : {0ms, 2ms, 5ms, 9ms, 14ms, 20ms, 30ms}) {
    pawl::test::child_process child([&](int pipe) {
      pawl::engine engine(dir / "state", quiet());
      pawl::test::say(pipe, "open");
      return engine.retry("w").left == 0 ? 0 : 1;
    });
    REQUIRE(child.line() == "open");
    std::this_thread::sleep_for(delay);
    child.kill();
    child.wait();
    const std::uint64_t now = count(dir / "state", item_state::pending);
    CHECK(now >= opened);
    CHECK(now + count(dir / "state", item_state::failed) == items);
    opened = now;
  }
  down = false;
  pawl::engine engine(dir / "state", quiet(2));
  CHECK(engine.retry("w").changed + opened == items);
  const pawl::report report = engine.resume(w);
  CHECK(report.items == items);
  CHECK(report.done == items);
}
