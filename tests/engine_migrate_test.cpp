// Items that an older version of a step recorded go on with what .migrate makes of its result.
#include <pawl/inspect.hpp>
#include <pawl/pawl.hpp>

#include "support/catch.hpp"
#include "support/quiet.hpp"
#include "support/temp_dir.hpp"

#include <map>
#include <stdexcept>
#include <string>
#include <vector>

using Catch::Contains;
using pawl::test::quiet;
using pawl::test::temp_dir;

namespace {

// Field names are reused with another meaning, so that reading by name instead of migrating would be seen.
struct page_1 {
  std::string url;
};
struct page_2 {
  std::string url;
  int size = -1;
};
struct page_3 {
  std::string url;
  int size = -1;
  std::string origin = "default";
};

std::map<std::string, int> calls;
bool broken = false;  // "write" fails then, so that items stay in front of it

auto read_1() {
  return pawl::step<"read">([](int n) {
    ++calls["read"];
    return page_1{"u" + std::to_string(n)};
  });
}
page_2 from_1_to_2(const page_1& old) {
  ++calls["1->2"];
  return {old.url + "+", 12};
}
page_3 from_1_to_3(const page_1& old) {
  ++calls["1->3"];
  return {old.url + "+", 13, "migrated"};
}
page_3 from_2_to_3(page_2&& old) {
  ++calls["2->3"];
  return {std::move(old.url), old.size, "migrated"};
}
auto read_2() {
  return pawl::step<"read">([](int n) {
           ++calls["read"];
           return page_2{"v" + std::to_string(n), n};
         })
      .version(2)
      .migrate(&from_1_to_2);
}
auto read_3() {
  return pawl::step<"read">([](int n) {
           ++calls["read"];
           return page_3{"w" + std::to_string(n), n, "read"};
         })
      .version(3)
      .migrate(&from_2_to_3)
      .migrate(&from_1_to_3);
}

template <class Page>
std::string text_of(const Page& page) {
  if constexpr (requires { page.origin; })
    return page.url + " " + std::to_string(page.size) + " " + page.origin;
  else if constexpr (requires { page.size; })
    return page.url + " " + std::to_string(page.size);
  else
    return page.url;
}
auto write() {
  return pawl::step<"write">([](const auto& page) {
    if (broken) throw std::runtime_error("down");
    ++calls["write"];
    return text_of(page);
  });
}

const std::vector<int> items{1, 2, 3};

// Items 1 to 3 with the first step done by version 1.
void leave_behind_read(pawl::engine& engine) {
  broken = true;
  REQUIRE(engine.run(pawl::workflow<"w">(read_1(), write()), items).failed == 3);
  broken = false;
  calls.clear();
}

pawl::run_options rerun() {
  pawl::run_options options;
  options.on_changed_chain = pawl::on_changed_chain::rerun;
  return options;
}

}  // namespace

TEST_CASE("an item goes on with the migrated result, and the step is not done again") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  leave_behind_read(engine);
  const auto now = pawl::workflow<"w">(read_2(), write());
  const pawl::plan plan = engine.plan(now);
  CHECK(plan.go_on == 3);
  CHECK(plan.changes == std::vector<std::string>{"step 1 'read': results of version 0 are migrated to version 2"});
  CHECK(calls.empty());

  const pawl::report report = engine.run(now, items);
  CHECK(report.done == 3);
  CHECK(report.migrated == 3);
  CHECK(report.resumed == 3);
  CHECK(report.held == 0);
  CHECK(report.redone == 0);
  CHECK(report.changes == plan.changes);
  CHECK_THAT(to_string(report), Contains("3 went on with a migrated result") && Contains("are migrated to version 2"));
  CHECK_THAT(to_json(report), Contains("\"migrated\":3"));
  CHECK(calls == std::map<std::string, int>{{"1->2", 3}, {"write", 3}});
  CHECK(engine.result(now, 2) == "u2+ 12");
  // Done, they are settled, also where changed chains are done again: it is the same step.
  CHECK(engine.run(now, items, rerun()).settled_before == 3);
  CHECK(calls["1->2"] == 3);
}

TEST_CASE("without the migration the same items are held, and nothing of them changes") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  leave_behind_read(engine);
  const auto bare = pawl::workflow<"w">(pawl::step<"read">([](int n) { return page_2{"v", n}; }).version(2), write());
  CHECK(engine.run(bare, items).held == 3);
  CHECK(engine.run(pawl::workflow<"w">(read_2(), write()), items).migrated == 3);
}

TEST_CASE("several migrations: each takes what its version returned") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  broken = true;
  engine.run(pawl::workflow<"w">(read_1(), write()), std::vector<int>{1});
  engine.run(pawl::workflow<"w">(read_2(), write()), std::vector<int>{2});
  engine.run(pawl::workflow<"w">(read_3(), write()), std::vector<int>{3});
  broken = false;
  const auto now = pawl::workflow<"w">(read_3(), write());
  const pawl::report report = engine.run(now, items);
  CHECK(report.done == 3);
  CHECK(report.migrated == 2);
  CHECK(engine.result(now, 1) == "u1+ 13 migrated");
  CHECK(engine.result(now, 2) == "v2 2 migrated");
  CHECK(engine.result(now, 3) == "w3 3 read");
}

TEST_CASE("a failed attempt under the new program leaves the older result, which is migrated again") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  leave_behind_read(engine);
  const auto second = pawl::workflow<"w">(read_2(), write());
  broken = true;
  CHECK(engine.run(second, items).failed == 3);  // now recorded under the new chain, with the value of version 0
  broken = false;
  CHECK(calls["1->2"] == 3);

  SECTION("by the same program") {
    CHECK(engine.plan(second).go_on == 3);
    CHECK(engine.run(second, items).done == 3);
    CHECK(calls["1->2"] == 6);
    CHECK(engine.result(second, 1) == "u1+ 12");
  }
  SECTION("by a third one, from what is stored and not from what the revision says") {
    const auto third = pawl::workflow<"w">(read_3(), write());
    CHECK(engine.run(third, items).done == 3);
    CHECK(calls["2->3"] == 0);
    CHECK(calls["1->3"] == 3);
    CHECK(engine.result(third, 1) == "u1+ 13 migrated");
  }
  SECTION("by one that does not know the older type any more: the items are held, not misread") {
    const auto forgetful = pawl::workflow<"w">(
        pawl::step<"read">([](int n) { return page_2{"v", n}; }).version(2), write());
    CHECK(engine.plan(forgetful).held == 3);
    const pawl::report report = engine.run(forgetful, items);
    CHECK(report.held == 3);
    CHECK_THAT(report.first_failures.at(0).reason,
               Contains("as an older version returned it, and no .migrate takes that"));
    CHECK(calls["write"] == 0);
    CHECK(engine.run(second, items).done == 3);
  }
}

TEST_CASE("a kept result of an older version is migrated for the step that asks for it, however late") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  const auto check = [] {
    return pawl::step<"check">([](const auto& page) { return static_cast<int>(page.url.size()); });
  };
  const auto both_1 = pawl::step<"both">([](int n, const pawl::from<"read", page_1>& page) {
    if (broken) throw std::runtime_error("down");
    return page->url + std::to_string(n);
  });
  const auto both_2 = pawl::step<"both">([](int n, const pawl::from<"read", page_2>& page) {
    if (broken) throw std::runtime_error("down");
    return text_of(*page) + " " + std::to_string(n);
  });
  bool check_broken = true;
  const auto failing = pawl::step<"check">([&check_broken](const page_1& page) {
    if (check_broken) throw std::runtime_error("down");
    return static_cast<int>(page.url.size());
  });
  calls.clear();
  engine.run(pawl::workflow<"w">(read_1(), failing, both_1), items);
  // "check" completes under the new chain, with the older result still kept; "both" fails.
  broken = true;
  const auto now = pawl::workflow<"w">(read_2(), check(), both_2);
  CHECK(engine.run(now, items).failed == 3);
  CHECK(calls["1->2"] == 3);
  broken = false;
  const pawl::report report = engine.run(now, items);
  CHECK(report.done == 3);
  CHECK(report.migrated == 3);
  CHECK(calls["1->2"] == 6);
  CHECK(calls["read"] == 3);
  CHECK(engine.result(now, 1) == "u1+ 12 3");
}

TEST_CASE("a consumed value of an older version is migrated again for the next attempt") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  leave_behind_read(engine);
  const auto now = pawl::workflow<"w">(read_2(), pawl::step<"write">([](page_2&& page, pawl::context& ctx) {
                                                    const page_2 mine = std::move(page);
                                                    if (ctx.attempt() == 1) throw std::runtime_error("once");
                                                    return text_of(mine);
                                                  }).retry({.attempts = 2, .first_delay = pawl::seconds(0)}));
  const pawl::report report = engine.run(now, items);
  CHECK(report.done == 3);
  CHECK(report.migrated == 3);
  CHECK(calls["1->2"] == 6);
  CHECK(engine.result(now, 3) == "u3+ 12");
}

TEST_CASE("a migration that throws fails its item with a sentence, and nothing is lost") {
  const bool from_the_state = GENERATE(false, true);
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  leave_behind_read(engine);
  bool bad = true;
  const auto now = pawl::workflow<"w">(pawl::step<"read">([](int n) { return page_2{"v", n}; })
                                           .version(2)
                                           .migrate([&bad](const page_1& old) {
                                             if (bad && old.url == "u2") throw std::runtime_error("no size known");
                                             return page_2{old.url, 5};
                                           }),
                                       write());
  const pawl::report report = from_the_state ? engine.resume(now) : engine.run(now, items);
  CHECK(report.done == 2);
  CHECK(report.failed == 1);
  CHECK(report.items == 3);
  CHECK(pawl::state_view(engine.state()).workflows().at(0).count(pawl::item_state::failed) == 1);
  CHECK(report.migrated == 2);
  REQUIRE(report.first_failures.size() == 1);
  CHECK(report.first_failures[0].key == "2");
  CHECK_THAT(report.first_failures[0].reason,
             Contains("step 'read'") && Contains("page_1") && Contains("no size known"));
  bad = false;
  const pawl::report again = from_the_state ? engine.resume(now) : engine.run(now, items);
  CHECK(again.done == (from_the_state ? 1u : 3u));
  CHECK(again.migrated == 1);
  CHECK(engine.result(now, 2) == "u2 5");
  CHECK(calls["read"] == 0);
}

TEST_CASE("pure steps migrate too, where otherwise they would be done again") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  calls.clear();
  const auto read = [] { return pawl::step<"read">([](int n) { return n; }).keep(); };
  const auto parse_1 = pawl::pure<"parse">([](int n) { return page_1{std::to_string(n)}; });
  const auto parse_2 = pawl::pure<"parse">([](int n) { return page_2{"again", n}; }).version(1).migrate(&from_1_to_2);
  broken = true;
  engine.run(pawl::workflow<"w">(read(), parse_1, write()), items);
  broken = false;
  const auto now = pawl::workflow<"w">(read(), parse_2, write());
  CHECK(engine.run(now, items).migrated == 3);
  CHECK(engine.result(now, 1) == "1+ 12");
}

TEST_CASE("results of done items are migrated as they are read") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  calls.clear();
  CHECK(engine.run(pawl::workflow<"w">(read_1()), items).done == 3);
  const auto now = pawl::workflow<"w">(read_2());
  CHECK(engine.run(now, items, rerun()).settled_before == 3);
  const auto one = engine.result(now, 2);
  REQUIRE(one);
  CHECK(text_of(*one) == "u2+ 12");
  std::string all;
  for (const auto& entry : engine.results(now)) all += entry.key + "=" + text_of(entry.value) + ";";
  CHECK(all == "1=u1+ 12;2=u2+ 12;3=u3+ 12;");
  // Another type than the step's is read by field name, as ever.
  CHECK(engine.result<page_1>(now, 2)->url == "u2");
  CHECK(engine.result<page_3>(now, 2)->origin == "default");

  SECTION("and for the steps that a rerun adds") {
    const auto longer = pawl::workflow<"w">(read_2(), write());
    CHECK(engine.run(longer, items, rerun()).migrated == 3);
    CHECK(engine.result(longer, 2) == "u2+ 12");
    CHECK(calls["read"] == 3);
  }
  SECTION("one that throws is a typed error that names item and step") {
    const auto bad = pawl::workflow<"w">(pawl::step<"read">([](int n) { return page_2{"v", n}; })
                                             .version(2)
                                             .migrate([](const page_1&) -> page_2 { throw std::runtime_error("no"); }));
    try {
      static_cast<void>(engine.result(bad, 2));
      FAIL("read what could not be migrated");
    } catch (const pawl::error& failure) {
      CHECK(failure.code() == pawl::errc::codec_failed);
      CHECK_THAT(failure.what(), Contains("item '2'") && Contains("step 'read'") && Contains("no"));
    }
  }
}

TEST_CASE("an item whose chain ends behind the migrated step is done with it") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  leave_behind_read(engine);
  const auto shorter = pawl::workflow<"w">(read_2());
  CHECK(engine.run(shorter, items).done == 3);
  CHECK(text_of(*engine.result(shorter, 1)) == "u1+ 12");
  CHECK(calls["read"] == 0);
}

TEST_CASE("migrations that could not be told apart, or take nothing, are refused") {
  const auto refusal = [](auto build) -> std::string {
    try {
      build();
    } catch (const pawl::error& refused) {
      CHECK(refused.code() == pawl::errc::bad_argument);
      return refused.what();
    }
    return "not refused";
  };
  struct same_as_page_1 {
    std::string url;
  };
  const auto read = [] { return pawl::step<"read">([](int n) { return page_2{"v", n}; }); };
  CHECK_THAT(refusal([&] { (void)pawl::workflow<"w">(read().migrate(&from_1_to_2)); }),
             Contains("workflow 'w': step 'read': .migrate") && Contains("add .version(n)"));
  CHECK_THAT(refusal([&] {
               (void)pawl::workflow<"w">(read().version(1).migrate(&from_1_to_2).migrate([](const same_as_page_1&) {
                 return page_2{};
               }));
             }),
             Contains("same_as_page_1") && Contains("another .migrate"));
  CHECK_THAT(refusal([&] {
               (void)pawl::workflow<"w">(read().version(1).migrate([](const page_2& old) { return old; }));
             }),
             Contains("just like the step's result") && Contains("another field"));
  CHECK_THAT(refusal([&] { (void)pawl::workflow<"w">(read().version(1).migrate(&from_1_to_2).discard()); }),
             Contains(".discard()"));
}
