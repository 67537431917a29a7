// A program that changed between two runs goes on as documented, and says what it does again.
#include <pawl/pawl.hpp>

#include "support/catch.hpp"
#include "support/quiet.hpp"
#include "support/temp_dir.hpp"

#include <fstream>
#include <map>
#include <string>
#include <vector>

using Catch::Contains;
using pawl::test::quiet;
using pawl::test::temp_dir;

namespace {

std::map<std::string, int> calls;

auto reading(std::uint32_t version = 0) {
  return pawl::step<"read">([](int n) {
           ++calls["read"];
           return std::to_string(n);
         })
      .version(version);
}
auto parsing(std::uint32_t version = 0) {
  return pawl::pure<"parse">([](const std::string& s) {
           ++calls["parse"];
           return s + "!";
         })
      .version(version);
}
// Fails while `broken`, so that items stay unfinished in front of it.
bool broken = false;
auto writing(std::uint32_t version = 0) {
  return pawl::step<"write">([](const std::string& s) {
           if (broken) throw std::runtime_error("down");
           ++calls["write"];
           return s.size();
         })
      .version(version);
}
auto notifying() {
  return pawl::step<"notify">([](std::size_t n) {
    ++calls["notify"];
    return n + 1000;
  });
}

const std::vector<int> items{1, 2, 3};

pawl::run_options rerun() {
  pawl::run_options options;
  options.on_changed_chain = pawl::on_changed_chain::rerun;
  return options;
}

struct old_page {
  std::string url;
};
struct new_page {
  std::string url;
  int visits = 7;
};

}  // namespace

TEST_CASE("a step added at the end: done items stay done, unfinished ones go on into it") {
  const temp_dir dir;
  calls.clear();
  pawl::engine engine(dir / "state", quiet());
  broken = true;
  engine.run(pawl::workflow<"w">(reading(), parsing(), writing()), std::vector<int>{1});
  broken = false;
  engine.run(pawl::workflow<"w">(reading(), parsing(), writing()), std::vector<int>{2});
  const auto longer = pawl::workflow<"w">(reading(), parsing(), writing(), notifying());
  const pawl::report report = engine.run(longer, items);
  CHECK(report.done == 3);
  CHECK(report.settled_before == 1);
  CHECK(calls["notify"] == 2);
  REQUIRE(report.changes.size() == 1);
  CHECK(report.changes[0] == "step 4 'notify' was added");
  // With rerun the done one takes the step that it lacks, and no other.
  CHECK(engine.run(longer, items, rerun()).done == 3);
  CHECK(calls["notify"] == 3);
  CHECK(calls["read"] == 3);
  CHECK(engine.result(longer, 2) == 1002);
}

TEST_CASE("a pure step with a new version is done again where the result before it is kept, and no effect is repeated") {
  const temp_dir dir;
  calls.clear();
  pawl::engine engine(dir / "state", quiet());
  broken = true;
  CHECK(engine.run(pawl::workflow<"w">(reading().keep(), parsing(), writing()), items).failed == 3);
  broken = false;
  const auto next = pawl::workflow<"w">(reading().keep(), parsing(2), writing());
  const pawl::plan plan = engine.plan(next);
  CHECK(plan.redo_pure == 3);
  CHECK(plan.done_again == std::vector<std::string>{"step 2 'parse' and what follows for 3 items"});
  const pawl::report report = engine.run(next, items);
  CHECK(report.done == 3);
  CHECK(report.redone == 3);
  CHECK(calls["read"] == 3);
  CHECK(calls["parse"] == 6);
  CHECK(report.changes == std::vector<std::string>{"step 2 'parse': version 0 is now 2"});
}

TEST_CASE("an item that cannot go on without repeating an effect is held with the reason, until rerun is allowed") {
  const temp_dir dir;
  calls.clear();
  std::ostringstream log;
  pawl::engine engine(dir / "state", pawl::test::logging_to(log));
  broken = true;
  CHECK(engine.run(pawl::workflow<"w">(reading(), parsing(), writing()), items).failed == 3);
  broken = false;
  const auto next = pawl::workflow<"w">(reading(2), parsing(), writing());
  const pawl::plan plan = engine.plan(next);
  CHECK(plan.held == 3);
  CHECK(engine.plan(next, rerun()).redo_effects == 3);
  CHECK_THAT(to_string(plan), Contains("'read': version 0 is now 2"));

  const pawl::report held = engine.run(next, items);
  CHECK(held.failed == 3);
  CHECK(held.held == 3);
  CHECK(calls["read"] == 3);
  CHECK(calls["write"] == 0);
  CHECK_THAT(held.first_failures.at(0).reason, Contains("on_changed_chain"));
  CHECK_THAT(log.str(), Contains("event=chain_changed workflow=w") && Contains("version 0 is now 2"));

  SECTION("the program that recorded them goes on as if nothing had been") {
    CHECK(engine.run(pawl::workflow<"w">(reading(), parsing(), writing()), items).done == 3);
    CHECK(calls["read"] == 3);
  }
  SECTION("rerun repeats the effects, under new idempotency keys") {
    const pawl::report again = engine.run(next, items, rerun());
    CHECK(again.done == 3);
    CHECK(again.redone == 3);
    CHECK(calls["read"] == 6);
  }
}

TEST_CASE("a step removed, renamed or put between is a changed chain from there on") {
  const temp_dir dir;
  calls.clear();
  pawl::engine engine(dir / "state", quiet());
  broken = true;
  engine.run(pawl::workflow<"w">(reading().keep(), parsing(), writing()), items);
  broken = false;
  // Without parse: write takes what read gave.
  CHECK(engine.plan(pawl::workflow<"w">(reading().keep(), writing())).redo_pure == 3);
  const auto renamed = pawl::pure<"analyse">([](const std::string& s) { return s; });
  CHECK(engine.plan(pawl::workflow<"w">(reading().keep(), renamed, writing())).redo_pure == 3);
  const auto between = pawl::step<"check">([](const std::string& s) { return s; });
  const auto w = pawl::workflow<"w">(reading().keep(), between, parsing(), writing());
  CHECK(engine.plan(w).redo_pure == 3);
  const pawl::report report = engine.run(w, items);
  CHECK(report.done == 3);
  CHECK(calls["read"] == 3);
  CHECK(calls["parse"] == 6);
}

TEST_CASE("a result with another schema makes its step another; kept results are read by field name") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  const auto old = pawl::workflow<"w">(pawl::step<"read">([](int n) { return old_page{"u" + std::to_string(n)}; }));
  CHECK(engine.run(old, items).done == 3);
  const auto now = pawl::workflow<"w">(pawl::step<"read">([](int n) { return new_page{"v" + std::to_string(n), n}; }));
  CHECK(engine.plan(now).changes == std::vector<std::string>{"step 1 'read': the schema of its result changed"});
  const auto page = engine.result(now, 2);
  REQUIRE(page);
  CHECK(page->url == "u2");
  CHECK(page->visits == 7);  // the member's initialiser
  CHECK(engine.run(now, items).settled_before == 3);
  CHECK(engine.run(now, items, rerun()).redone == 3);
  CHECK(engine.result(now, 2)->url == "v2");
  CHECK(engine.result(now, 2)->visits == 2);
}

TEST_CASE("a result that cannot be read as the type asked for is a typed error") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  const auto w = pawl::workflow<"w">(pawl::step<"read">([](int n) { return old_page{std::to_string(n)}; }));
  engine.run(w, items);
  try {
    static_cast<void>(engine.result<std::vector<double>>(w, 1));
    FAIL("read a page as a vector");
  } catch (const pawl::error& failure) {
    CHECK(failure.code() == pawl::errc::schema_mismatch);
  }
}

TEST_CASE("plan counts what is recorded, changes nothing, and is left for the tool") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  const auto w = pawl::workflow<"w">(pawl::step<"read">([](int n) -> pawl::outcome<int> {
    if (n == 3) return pawl::skip("three");
    return n;
  }));
  CHECK(engine.plan(w).stay == 0);  // nothing is known of it
  engine.run(w, items);
  const pawl::plan plan = engine.plan(w);
  CHECK(plan.stay == 3);
  CHECK(plan.changes.empty());
  std::ifstream file(dir / "state" / "plan.json");
  std::string line;
  REQUIRE(std::getline(file, line));
  CHECK(line == to_json(plan));
  CHECK_FALSE(std::getline(file, line));
  CHECK(engine.run(w, items).settled_before == 3);
}
