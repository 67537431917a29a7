// Retention: done items are let go by age and count, and forgotten.
#include <pawl/inspect.hpp>
#include <pawl/pawl.hpp>

#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/contradictions.hpp"
#include "support/looked_at.hpp"
#include "support/numbers.hpp"
#include "support/quiet.hpp"
#include "support/small_states.hpp"
#include "support/temp_dir.hpp"

#include <chrono>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using Catch::Contains;
using pawl::errc;
using pawl::item_state;
using pawl::test::child_process;
using pawl::test::code_of;
using pawl::test::contradictions;
using pawl::test::entries_of;
using pawl::test::numbers;
using pawl::test::quiet;
using pawl::test::temp_dir;

namespace {

const std::vector<std::string> none;

struct counting {
  int calls = 0;
  auto workflow() {
    return pawl::workflow<"w">(pawl::step<"times">([this](int n) {
      ++calls;
      return n * 2;
    }));
  }
};

std::uint64_t count(const pawl::engine& engine, item_state in) {
  return pawl::state_view(engine.state()).workflows().at(0).count(in);
}
std::uint64_t id_of(const pawl::engine& engine, int key) {
  const auto found = pawl::state_view(engine.state()).item("w", key);
  REQUIRE(found);
  return found->id;
}
std::vector<int> only(int n) { return {n}; }
void a_moment() { std::this_thread::sleep_for(20ms); }

}  // namespace

TEST_CASE("by count: those that ended first go, and a later run does their keys again") {
  const temp_dir dir;
  counting told;
  const auto w = told.workflow();
  {
    pawl::engine engine(dir / "state", quiet());
    REQUIRE(engine.run(w, numbers(10)).done == 10);
    const pawl::prune_report dry = engine.prune(w, {.done_at_most = 4}, true);
    CHECK(dry.removed == 6);
    CHECK(count(engine, item_state::done) == 10);
    const pawl::prune_report made = engine.prune(w, {.done_at_most = 4});
    CHECK(made.workflow == "w");
    CHECK(made.done == 10);
    CHECK(made.removed == 6);
    CHECK(made.by_count == 6);
    CHECK(made.by_age == 0);
    CHECK_FALSE(engine.result(w, 3));
    CHECK(engine.result(w, 9) == 18);
    CHECK(count(engine, item_state::done) == 4);
    CHECK(engine.plan(w).stay == 4);
    CHECK(engine.prune("w", {.done_at_most = 4}).removed == 0);
  }
  CHECK(contradictions(dir / "state", true) == none);
  CHECK(entries_of(dir / "state") == "items 4, index 4, chunks 0, files 0");
  {
    pawl::engine engine(dir / "state", quiet());
    const pawl::report report = engine.run(w, numbers(10));
    CHECK(report.done == 10);
    CHECK(report.settled_before == 4);
    CHECK(told.calls == 16);
    CHECK(engine.result(w, 3) == 6);
  }
  CHECK(contradictions(dir / "state", true) == none);
}

TEST_CASE("an id is never given again, also where all items are removed and the state is opened anew") {
  const temp_dir dir;
  counting told;
  const auto w = told.workflow();
  {
    pawl::engine engine(dir / "state", quiet());
    REQUIRE(engine.run(w, numbers(3)).done == 3);
    CHECK(id_of(engine, 2) == 2);
    CHECK(engine.prune(w, {.done_at_most = 0}).removed == 3);
    CHECK(engine.run(w, only(2)).done == 1);
    CHECK(id_of(engine, 2) == 3);
    CHECK(engine.prune(w, {.done_at_most = 0}).removed == 1);
  }
  CHECK(entries_of(dir / "state") == "items 0, index 0, chunks 0, files 0");
  pawl::engine engine(dir / "state", quiet());
  CHECK(engine.run(w, only(1)).done == 1);
  CHECK(id_of(engine, 1) == 4);
}

TEST_CASE("by age: longer ago than the newest time that is recorded") {
  const temp_dir dir;
  counting told;
  const auto w = told.workflow();
  pawl::engine engine(dir / "state", quiet());
  REQUIRE(engine.run(w, numbers(3)).done == 3);
  std::this_thread::sleep_for(2200ms);  // the items of a run end within far less
  CHECK(engine.prune(w, {.done_for = 2s}).removed == 0);  // only the clock says so
  REQUIRE(engine.run(w, only(3)).done == 1);
  std::this_thread::sleep_for(2200ms);
  const pawl::prune_report made = engine.prune(w, {.done_for = 2s});
  CHECK(made.by_age == 3);
  CHECK(made.removed == 3);
  CHECK(made.doubted == 1);
  CHECK(engine.result(w, 3) == 6);
  CHECK(engine.prune(w, {.done_for = 24h}).removed == 0);
}

TEST_CASE("only done items go") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  const auto w = pawl::workflow<"w">(pawl::step<"read">([](int n) {
                                       if (n == 1) throw std::runtime_error("down");
                                       if (n == 2) throw pawl::sticky_failure("for good");
                                       if (n == 3) throw pawl::skip_item("not wanted");
                                       return n;
                                     }),
                                     pawl::step<"write">([&](int n) { return n; }));
  const auto stopping = pawl::workflow<"w">(pawl::step<"read">([&](int n) {
                                              engine.stop();
                                              return n;
                                            }),
                                            pawl::step<"write">([&](int n) { return n; }));
  engine.run(w, numbers(4));
  CHECK(engine.run(stopping, only(4)).in_progress == 1);
  const pawl::prune_report made = engine.prune(w, {.done_for = 0s, .done_at_most = 0});
  CHECK(made.done == 1);
  CHECK(made.removed == 1);
  CHECK(count(engine, item_state::done) == 0);
  CHECK(count(engine, item_state::failed) == 2);
  CHECK(count(engine, item_state::skipped) == 1);
  CHECK(count(engine, item_state::in_progress) == 1);
  // They are what they were.
  const pawl::report report = engine.resume(w);
  CHECK(report.items == 3);
  CHECK(report.done == 1);
  CHECK(report.steps_saved == 1);
}

TEST_CASE("a workflow that says so lets them go at the end of each run") {
  const temp_dir dir;
  counting told;
  const auto w = told.workflow().retain({.done_at_most = 4});
  std::ostringstream log;
  pawl::engine engine(dir / "state", pawl::test::logging_to(log));
  const pawl::report report = engine.run(w, numbers(10));
  CHECK(report.done == 10);
  CHECK(report.removed == 6);
  CHECK_THAT(to_string(report), Contains("6 done items were removed from the state, as .retain says"));
  CHECK_THAT(to_json(report), Contains("\"removed\":6"));
  CHECK_THAT(log.str(), Contains("event=items_removed workflow=w removed=6 by_age=0 by_count=6 doubted=0"));
  CHECK(count(engine, item_state::done) == 4);
  CHECK(engine.run(w, std::vector<int>{6, 7, 8, 9}).settled_before == 4);
  CHECK(engine.run(w, only(0)).removed == 1);
  CHECK(told.calls == 11);
  CHECK_FALSE(engine.result(w, 6));
  CHECK(engine.result(w, 0) == 0);

  // At the end of a resumed run as well.
  CHECK(engine.rerun(w, "times").changed == 4);
  REQUIRE(engine.run(told.workflow(), std::vector<int>{20, 21}).done == 2);  // without retention
  const pawl::report resumed = engine.resume(w);
  CHECK(resumed.done == 4);
  CHECK(resumed.removed == 2);
  CHECK_FALSE(engine.result(w, 20));
}

TEST_CASE("a session lets them go when it is closed") {
  const temp_dir dir;
  counting told;
  const auto w = told.workflow().retain({.done_at_most = 1});
  pawl::engine_options options = quiet();
  options.threads = GENERATE(pawl::threads::workers, pawl::threads::flusher, pawl::threads::none);
  {
    pawl::engine engine(dir / "state", options);
    for (int n = 0; n < 5; ++n) static_cast<void>(engine.submit(w, n));
    const pawl::report report = engine.close(w);
    CHECK(report.done == 5);
    CHECK(report.removed == 4);
    CHECK_FALSE(engine.find(w, 0));
    CHECK(engine.find(w, 4));
  }
  CHECK(contradictions(dir / "state", true) == none);
}

TEST_CASE("by age at the end of a run, only what another run has seen grow old") {
  const temp_dir dir;
  counting told;
  const auto w = told.workflow().retain({.done_for = 10ms});
  pawl::engine engine(dir / "state", quiet());
  CHECK(engine.run(w, only(1)).removed == 0);
  a_moment();
  CHECK(engine.run(w, only(2)).removed == 0);  // the clock may have jumped: this run alone says that 1 is old
  a_moment();
  CHECK(engine.run(w, only(3)).removed == 1);
  CHECK_FALSE(engine.result(w, 1));
  CHECK(engine.result(w, 2) == 4);
}

TEST_CASE("a run that is stopped lets nothing go") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  bool stopping = false;
  const auto w = pawl::workflow<"w">(pawl::step<"read">([&](int n) {
                                       if (stopping) engine.stop();
                                       return n;
                                     }),
                                     pawl::step<"write">([](int n) { return n; }))
                     .retain({.done_at_most = 0});
  CHECK(engine.run(w, only(1)).removed == 1);
  stopping = true;
  const pawl::report report = engine.run(w, numbers(3));
  CHECK(report.stopped);
  CHECK(report.removed == 0);
  stopping = false;
  CHECK(engine.run(w, numbers(3)).removed == 3);
}

TEST_CASE("long results go with their items, and so do long keys that look alike") {
  const temp_dir dir;
  const std::string same(600, 'k');  // stands in the index as a prefix and a hash
  const auto w = pawl::workflow<"w">(pawl::step<"read">([](const std::string& key) {
                                       return std::string(key.size() % 10 * 10'000, 'x');  // 0 to 90,000: in chunks
                                     }).keep(),
                                     pawl::step<"write">([](const std::string& text) {
                                       return text + std::string(400'000, 'y');
                                     }));
  std::vector<std::string> keys;
  for (int i = 0; i < 12; ++i) keys.push_back(same + std::string(static_cast<std::size_t>(i), 'z'));
  {
    pawl::engine engine(dir / "state", quiet());
    REQUIRE(engine.run(w, keys).done == 12);
    CHECK(engine.prune(w, {.done_at_most = 5}).removed == 7);
    CHECK_FALSE(engine.result(w, keys[6]));
    REQUIRE(engine.result(w, keys[7]));
    CHECK(engine.result(w, keys[7])->size() == 470'000);
    CHECK(engine.run(w, keys).settled_before == 5);
    CHECK(engine.prune(w, {.done_at_most = 5}).removed == 7);
  }
  CHECK(contradictions(dir / "state", true) == none);
  {
    pawl::engine engine(dir / "state", quiet());
    CHECK(engine.prune(w, {.done_at_most = 0}).removed == 5);
  }
  CHECK(contradictions(dir / "state", true) == none);
  CHECK(entries_of(dir / "state") == "items 0, index 0, chunks 0, files 0");
  CHECK(std::filesystem::is_empty(dir / "state" / "blobs"));
}

TEST_CASE("what is removed stays so after a crash: the journal does not bring it back") {
  const auto how = GENERATE(pawl::durability::power, pawl::durability::process);
  const temp_dir dir;
  counting told;
  const auto w = told.workflow();
  child_process child([&](int) {
    pawl::engine_options options = quiet();
    options.durability = how;
    pawl::engine engine(dir / "state", options);
    if (engine.run(w, numbers(200)).done != 200) return 1;
    if (engine.prune(w, {.done_at_most = 50}).removed != 150) return 2;
    if (engine.run(w, std::vector<int>{0, 1, 300}).done != 3) return 3;  // in the journal alone
    ::_exit(0);  // as if it were killed
  });
  REQUIRE(child.wait() == 0);
  CHECK(contradictions(dir / "state", false) == none);
  {
    pawl::engine engine(dir / "state", quiet());
    CHECK(engine.run(w, std::vector<int>{0, 1, 300}).settled_before == 3);
    CHECK(count(engine, item_state::done) == 53);
    CHECK_FALSE(engine.result(w, 2));
    CHECK(id_of(engine, 0) == 200);
  }
  CHECK(contradictions(dir / "state", true) == none);
}

TEST_CASE("items of one workflow are removed while another one runs") {
  const temp_dir dir;
  counting told;
  const auto w = told.workflow();
  const auto other = pawl::workflow<"other">(pawl::step<"read">([](int n) { return n; }),
                                             pawl::step<"write">([](int n) { return n; }));
  {
    pawl::engine engine(dir / "state", quiet());
    REQUIRE(engine.run(w, numbers(3000)).done == 3000);
    pawl::report beside;
    std::thread runs([&] { beside = engine.run(other, numbers(20'000)); });
    for (std::uint64_t left = 2900; left > 0; left -= 100) {
      const pawl::prune_report made = engine.prune(w, {.done_at_most = left});
      CHECK(made.removed == 100);
    }
    runs.join();
    CHECK(beside.done == 20'000);
    CHECK(engine.run(other, numbers(20'000)).settled_before == 20'000);
  }
  CHECK(contradictions(dir / "state", true) == none);
  CHECK(entries_of(dir / "state") == "items 20100, index 20100, chunks 0, files 0");
}

TEST_CASE("a workflow says in words what it lets go, and keeps it with another key") {
  counting told;
  const auto w = told.workflow().retain({.done_for = 36h, .done_at_most = 1000}).key([](int n) { return n + 1; });
  CHECK_THAT(to_string(w.describe()), Contains("\n  done   items are removed after 36.0 h, and down to 1,000\n"));
  CHECK_THAT(to_json(w.describe()), Contains("\"done_for_s\":129600,\"done_at_most\":1000,"));
  CHECK_THAT(to_json(told.workflow().describe()), Contains("\"done_for_s\":null,\"done_at_most\":null,"));
}

TEST_CASE("what says nothing, or cannot be, is refused with a sentence") {
  const temp_dir dir;
  counting told;
  const auto w = told.workflow();
  pawl::engine engine(dir / "state", quiet());
  std::string said;
  CHECK(code_of([&] { static_cast<void>(w.retain({})); }, &said) == errc::bad_argument);
  CHECK_THAT(said, Contains("workflow 'w': .retain") && Contains("done_at_most"));
  CHECK(code_of([&] { static_cast<void>(w.retain({.done_for = -1s})); }) == errc::bad_argument);
  CHECK(code_of([&] { engine.prune(w, {}); }, &said) == errc::bad_argument);
  CHECK_THAT(said, Contains("prune: neither"));
  CHECK(code_of([&] { engine.prune("nobody", {.done_at_most = 1}); }, &said) == errc::not_found);
  const auto inside = pawl::workflow<"w">(pawl::step<"read">([&](int n) {
    CHECK(code_of([&] { engine.prune("w", {.done_at_most = 0}); }, &said) == errc::bad_argument);
    return n;
  }));
  CHECK(engine.run(inside, only(1)).done == 1);
  CHECK_THAT(said, Contains("under way"));
}

TEST_CASE("a damaged row is passed over, the others go, and the engine goes on") {
  const temp_dir dir;
  counting told;
  const auto w = told.workflow();
  {
    pawl::engine engine(dir / "state", quiet());
    REQUIRE(engine.run(w, numbers(5)).done == 5);
  }
  pawl::test::damage_row(dir / "state", 1, 2);
  pawl::engine engine(dir / "state", quiet());
  CHECK(engine.prune(w, {.done_at_most = 0}).removed == 4);
  CHECK(engine.run(w, only(7)).done == 1);
}
