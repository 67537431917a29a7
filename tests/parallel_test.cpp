// One input, several steps at once: each its own checkpoint, its own retries, its own end.
#include "support/catch.hpp"
#include "support/quiet.hpp"
#include "support/run_tool.hpp"
#include "support/temp_dir.hpp"

#include <pawl/inspect.hpp>
#include <pawl/pawl.hpp>

#include <atomic>
#include <latch>
#include <mutex>
#include <numeric>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

using namespace std::chrono_literals;
using namespace pawl;
using pawl::test::quiet;
using pawl::test::temp_dir;

namespace {

std::vector<int> numbers(int count) {
  std::vector<int> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

}  // namespace

TEST_CASE("branches get the same input, and what they return arrives together, in the order in which they are written") {
  const temp_dir dir;
  std::atomic<int> logged{0};
  const auto flow = workflow<"order">(parallel<"enrich">(step<"text">([](int n) { return "n" + std::to_string(n); }),
                                                         step<"log">([&](int) { ++logged; }),
                                                         pure<"square">([](const int& n) { return n * n; })),
                                      pure<"join">([](const std::tuple<std::string, std::monostate, int>& all) {
                                        return std::get<0>(all) + " " + std::to_string(std::get<2>(all));
                                      }));
  engine e{dir / "s.pawl", quiet(2)};
  const report made = e.run(flow, numbers(100));
  CHECK(made.done == 100);
  CHECK(logged == 100);
  CHECK(e.result<std::string>(flow, 7) == "n7 49");
  REQUIRE(made.children.size() == 3);
  CHECK(made.children[0].workflow == "order/enrich/text");
  CHECK(made.children[2].done == 100);
}

TEST_CASE("branches run at the same time") {
  const temp_dir dir;
  std::latch both{2};
  const auto meet = [&](int n) {
    both.arrive_and_wait();  // neither comes back before the other one has begun
    return n;
  };
  const auto flow = workflow<"order">(parallel<"meet">(step<"a">(meet), step<"b">(meet)));
  engine e{dir / "s.pawl", quiet(1)};
  CHECK(e.run(flow, numbers(1)).done == 1);
}

TEST_CASE("a branch that fails fails its item with its reason; what the others have done is not done again") {
  const temp_dir dir;
  std::atomic<int> good{0};
  std::atomic<int> bad{0};
  std::atomic<bool> broken{true};
  const auto flow = workflow<"order">(parallel<"enrich">(step<"good">([&](int n) {
                                                           ++good;
                                                           return n;
                                                         }),
                                                         step<"bad">([&](int n) {
                                                           ++bad;
                                                           if (broken) throw std::runtime_error("nobody answers");
                                                           return n + 1;
                                                         }).retry({.attempts = 3, .first_delay = 1ms})),
                                      pure<"sum">([](const std::tuple<int, int>& two) { return std::get<0>(two) + std::get<1>(two); }));
  engine e{dir / "s.pawl", quiet(2)};
  const report first = e.run(flow, std::vector<int>{5});
  CHECK(first.failed == 1);
  REQUIRE(first.first_failures.size() == 1);
  CHECK(first.first_failures[0].step == "enrich");
  CHECK(first.first_failures[0].reason == "branch 'bad': nobody answers");
  CHECK(good == 1);
  CHECK(bad == 3);
  broken = false;
  CHECK(e.run(flow, std::vector<int>{5}).done == 1);
  CHECK(e.result<int>(flow, 5) == 11);
  CHECK(good == 1);
  CHECK(bad == 4);
}

TEST_CASE("a branch that skips skips its item") {
  const temp_dir dir;
  const auto flow = workflow<"order">(parallel<"enrich">(step<"a">([](int n) { return n; }), step<"b">([](int n) -> outcome<int> {
                                                           if (n == 1) return skip("not for us");
                                                           return n;
                                                         })));
  engine e{dir / "s.pawl", quiet(2)};
  const report made = e.run(flow, numbers(3));
  CHECK(made.done == 2);
  CHECK(made.skipped == 1);
  REQUIRE(made.first_skips.size() == 1);
  CHECK(made.first_skips[0].key == "1");
  CHECK(made.first_skips[0].reason == "not for us");
}

TEST_CASE("branches see the item's key, and keys of their own for what they touch") {
  const temp_dir dir;
  std::mutex mutex;
  std::set<std::string> keys;
  const auto note = [&](int, context& ctx) {
    const std::scoped_lock lock(mutex);
    keys.insert(ctx.idempotency_key());
  };
  const auto flow = workflow<"order">(step<"first">([](int n) { return n; }), parallel<"enrich">(step<"a">(note), step<"b">(note)));
  {
    engine e{dir / "s.pawl", quiet(2)};
    CHECK(e.run(flow, numbers(4)).done == 4);
    CHECK(keys.size() == 8);
  }
  const state_view state(dir / "s.pawl");
  const auto found = state.item("order/enrich/a", "3");
  REQUIRE(found);
  CHECK(found->key.to_string() == "3");
  CHECK(found->state == item_state::done);
  // The item goes before its branches, which are called like it.
  CHECK_THAT(pawl::test::run_tool({"show", dir / "s.pawl", "3"}).out, Catch::Contains("workflow:   order, "));
}

TEST_CASE("branches fan out themselves") {
  const temp_dir dir;
  const auto row = workflow<"row">(step<"keep">([](int n) { return n; }));
  const auto flow = workflow<"order">(
      parallel<"both">(each<"rows">([](int n) { return std::vector<int>{n, n + 1}; }, row).collect(),
                       parallel<"deeper">(step<"a">([](int n) { return n; }), step<"b">([](int n) { return -n; }))));
  engine e{dir / "s.pawl", quiet(2)};
  CHECK(e.run(flow, numbers(10)).done == 10);
  using both = std::tuple<std::vector<int>, std::tuple<int, int>>;
  CHECK(e.result<both>(flow, 4) == both{{4, 5}, {4, -4}});
}

TEST_CASE("what makes no sense of a parallel is said") {
  const auto make = [] {
    return parallel<"both">(step<"a">([](int) {}), step<"b">([](int) {})).concurrency(2);
  };
  CHECK_THROWS_WITH(make(), Catch::Contains("give .concurrency to those that need it"));
}
