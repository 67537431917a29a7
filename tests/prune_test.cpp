// Which done items may go, and when: with times of the test's own.
#include "prune.hpp"

#include "support/catch.hpp"
#include "support/checkpoints.hpp"
#include "support/memory_backend.hpp"

#include <pawl/error.hpp>

#include <string>
#include <vector>

using namespace pawl;
using namespace pawl::core;
using namespace pawl::test;

namespace {

constexpr std::uint64_t second = 1'000'000;
constexpr std::uint64_t day = 86'400 * second;
constexpr std::uint64_t today = 20'000 * day;

detail::retain_rule keep_for(double days) { return {.done_for_s = days * 86'400, .done_at_most = {}}; }
detail::retain_rule keep_at_most(std::uint64_t items) { return {.done_for_s = {}, .done_at_most = items}; }

struct some_items {
  memory_backend store;
  const workflow_id workflow = [this] {
    chain_revision chain;
    chain.steps = {{.name = "only"}};
    return store.open_workflow("w", chain, {}).id;
  }();
  item_id next = 0;

  void commit(const checkpoint_group& group) {
    const std::span<const std::byte> groups[] = {group.bytes()};
    store.commit(groups);
  }
  void done(std::uint64_t at_us) {
    commit(checkpoint_group()
               .admitted({.item = next, .text = text_key(std::to_string(next)), .at_us = at_us})
               .completed({.item = next, .sequence = 2, .flags = checkpoint_flag::last, .at_us = at_us}));
    ++next;
  }
  void failed(std::uint64_t at_us) {
    commit(checkpoint_group()
               .admitted({.item = next, .text = text_key(std::to_string(next)), .at_us = at_us})
               .failed({.item = next, .sequence = 2, .text = "down", .at_us = at_us}));
    ++next;
  }
  prune_report prune(const detail::retain_rule& rule, const clock_readings& clock, const prune_how& how = {}) {
    return prune_items(store, "w", rule, clock, how);
  }
  // The ids that are there.
  std::string left() {
    std::string ids;
    store.read()->scan(workflow, 0, nullptr, [&](const stored_item& item) {
      ids += (ids.empty() ? "" : " ") + std::to_string(item.id);
      return true;
    });
    return ids;
  }
  workflow_record record() { return store.read()->workflows().at(0); }
};

}  // namespace

TEST_CASE("what ended longer ago than it is kept goes; the newest time that is recorded says so, too") {
  some_items one;
  one.done(today - 40 * day);
  one.done(today - 31 * day);
  one.done(today - 30 * day);  // not longer ago than that
  one.done(today - 1 * day);
  one.failed(today);
  const prune_report made = one.prune(keep_for(30), {.now_us = today});
  CHECK(made.workflow == "w");
  CHECK(made.done == 4);
  CHECK(made.removed == 2);
  CHECK(made.by_age == 2);
  CHECK(made.by_count == 0);
  CHECK(made.doubted == 0);
  CHECK(one.left() == "2 3 4");
  CHECK(one.record().next_item == 5);
  CHECK(one.record().oldest_done_us == today - 30 * day);
}

TEST_CASE("a clock that jumps ahead removes nothing, and what it says is told") {
  some_items one;
  for (int i = 0; i < 5; ++i) one.done(today - static_cast<std::uint64_t>(i) * day);
  const prune_report made = one.prune(keep_for(30), {.now_us = today + 5'000 * day});
  CHECK(made.removed == 0);
  CHECK(made.doubted == 5);
  CHECK(one.left() == "0 1 2 3 4");

  SECTION("not in the run that records it, either") {
    const std::uint64_t began = today + 5'000 * day;
    one.done(began + second);
    const prune_report after = one.prune(keep_for(30), {.now_us = began + 2 * second, .run_began_us = began});
    CHECK(after.removed == 0);
    CHECK(after.doubted == 5);
    // Nor when the clock has come back: what is recorded ahead of it is not older for that.
    CHECK(one.prune(keep_for(30), {.now_us = today + day}).removed == 0);
    CHECK(one.left() == "0 1 2 3 4 5");
  }
  SECTION("when a later run says the same, it was no jump") {
    one.done(today + 5'000 * day);
    CHECK(one.prune(keep_for(30), {.now_us = today + 5'001 * day, .run_began_us = today + 5'001 * day}).by_age == 5);
    CHECK(one.left() == "5");
  }
}

TEST_CASE("a clock that falls behind removes nothing") {
  some_items one;
  one.done(today - 100 * day);
  one.done(today);
  CHECK(one.prune(keep_for(30), {.now_us = today - 1'000 * day}).removed == 0);
  CHECK(one.prune(keep_for(30), {.now_us = today - 80 * day}).removed == 0);
  CHECK(one.prune(keep_for(30), {.now_us = today - 60 * day}).removed == 1);
}

TEST_CASE("a workflow that is not worked on loses nothing by age") {
  some_items one;
  for (std::uint64_t i = 0; i < 3; ++i) one.done(today + i);
  CHECK(one.prune(keep_for(1), {.now_us = today + 900 * day}).removed == 0);
  // A failure is a sign of work as good as any.
  one.failed(today + 900 * day);
  CHECK(one.prune(keep_for(1), {.now_us = today + 900 * day}).removed == 3);
}

TEST_CASE("of what is left so many stay as ended last, in whatever order they came") {
  some_items one;
  for (const std::uint64_t at : {5u, 1u, 4u, 2u, 3u}) one.done(today + at);
  one.failed(today);
  const prune_report made = one.prune(keep_at_most(2), {.now_us = today + 10});
  CHECK(made.done == 5);
  CHECK(made.by_count == 3);
  CHECK(made.removed == 3);
  CHECK(one.left() == "0 2 5");
  CHECK(one.record().oldest_done_us == today + 4);
  CHECK(one.prune(keep_at_most(2), {.now_us = today + 10}).removed == 0);
  CHECK(one.prune(keep_at_most(0), {.now_us = today + 10}).removed == 2);
  CHECK(one.left() == "5");
  CHECK(one.record().next_item == 6);
}

TEST_CASE("age first, then the count of what that left") {
  some_items one;
  for (const std::uint64_t age : {50u, 40u, 3u, 2u, 1u, 0u}) one.done(today - age * day);
  const prune_report made = one.prune({.done_for_s = 30 * 86'400.0, .done_at_most = 3}, {.now_us = today});
  CHECK(made.by_age == 2);
  CHECK(made.by_count == 1);
  CHECK(made.removed == 3);
  CHECK(one.left() == "3 4 5");
}

TEST_CASE("few at once come to the same as all at once, and a dry run counts the same and changes nothing") {
  const std::size_t at_once = GENERATE(1u, 2u, 3u, 7u, 9u, 10u, 1000u);
  CAPTURE(at_once);
  some_items one;
  for (const std::uint64_t at : {3u, 9u, 1u, 7u, 7u, 7u, 2u, 8u, 5u}) one.done(today + at * day);
  for (const bool dry : {true, false}) {
    const prune_report made = one.prune({.done_for_s = 5 * 86'400.0, .done_at_most = 4}, {.now_us = today + 9 * day},
                                        {.dry_run = dry, .found_at_once = at_once});
    CHECK(made.done == 9);
    CHECK(made.by_age == 3);    // 1, 2, 3
    CHECK(made.by_count == 2);  // 5, and the first of those at 7
    CHECK(made.removed == 5);
    CHECK(one.left() == (dry ? "0 1 2 3 4 5 6 7 8" : "1 4 5 7"));
  }
  CHECK(one.record().oldest_done_us == today + 7 * day);
}

TEST_CASE("when it is enough it ends, with what it has done") {
  some_items one;
  for (int i = 0; i < 5; ++i) one.done(today);
  int asked = 0;
  const prune_report made = one.prune(keep_at_most(1), {.now_us = today},
                                      {.found_at_once = 2, .enough = [&] { return ++asked > 1; }});
  CHECK(made.removed == 2);
  CHECK(one.left() == "2 3 4");
  CHECK(one.record().oldest_done_us == 0);  // what is left was not looked through to the end
  CHECK(one.prune(keep_at_most(1), {.now_us = today}).removed == 2);
}

TEST_CASE("a workflow that is not there is named with those that are") {
  some_items one;
  try {
    static_cast<void>(prune_items(one.store, "x", keep_at_most(1), {.now_us = today}));
    FAIL("nothing was thrown");
  } catch (const error& failure) {
    CHECK(failure.code() == errc::not_found);
    CHECK(std::string(failure.what()).find("'w'") != std::string::npos);
  }
}

TEST_CASE("looking through all items is worth it when a sixteenth more has gathered") {
  workflow_record workflow;
  workflow_counts counts;
  const auto worth = [&](std::uint64_t done, const detail::retain_rule& rule, std::uint64_t now) {
    counts.by_state[static_cast<std::size_t>(item_state::done)] = done;
    return worth_pruning(workflow, counts, rule, now);
  };
  CHECK_FALSE(worth(1600, keep_at_most(1600), today));
  CHECK_FALSE(worth(1700, keep_at_most(1600), today));
  CHECK(worth(1701, keep_at_most(1600), today));
  CHECK(worth(5, keep_at_most(4), today));
  CHECK(worth(1, keep_at_most(0), today));
  CHECK_FALSE(worth(0, keep_at_most(0), today));
  CHECK(worth(1, keep_for(16), today));  // never looked at
  workflow.oldest_done_us = today;
  CHECK_FALSE(worth(1, keep_for(16), today + 17 * day));
  CHECK(worth(1, keep_for(16), today + 17 * day + 1));
  CHECK_FALSE(worth(0, keep_for(16), today + 18 * day));
  CHECK_FALSE(worth(1, keep_for(16), today - day));
  CHECK(worth(9, {.done_for_s = 1e9, .done_at_most = 4}, today));
}
