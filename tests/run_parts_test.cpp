// The small parts of a run, each alone.
#include "run/backoff.hpp"
#include "run/histogram.hpp"
#include "run/id_set.hpp"
#include "run/key_table.hpp"
#include "run/value_layout.hpp"
#include "support/asked.hpp"
#include "support/catch.hpp"

#include <deque>
#include <random>
#include <set>
#include <string>
#include <unordered_set>

using namespace pawl;
using namespace pawl::core;

TEST_CASE("back-off doubles up to its limit and is spread by jitter") {
  jitter_source jitter(1);
  const detail::retry_policy plain{.attempts = 9, .first_delay_s = 1, .factor = 2, .max_delay_s = 5, .jitter = 0};
  CHECK(backoff_ns(plain, 1, jitter) == 1'000'000'000);
  CHECK(backoff_ns(plain, 3, jitter) == 4'000'000'000);
  CHECK(backoff_ns(plain, 4, jitter) == 5'000'000'000);
  CHECK(backoff_ns(plain, 4'000'000'000u, jitter) == 5'000'000'000);
  detail::retry_policy spread = plain;
  spread.jitter = 0.25;
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t delay = backoff_ns(spread, 1, jitter);
    CHECK(delay >= 750'000'000);
    CHECK(delay <= 1'250'000'000);
    seen.insert(delay);
  }
  CHECK(seen.size() > 900);
}

TEST_CASE("a histogram's quantiles are right to an eighth") {
  histogram times;
  CHECK(times.quantile_ns(0.5) == 0);
  for (std::uint64_t ns = 1; ns <= 100'000; ++ns) times.add(ns);
  CHECK(times.count() == 100'000);
  CHECK(times.max_ns() == 100'000);
  for (const double q : {0.01, 0.5, 0.9, 0.99}) {
    const double truth = q * 100'000;
    CHECK(static_cast<double>(times.quantile_ns(q)) >= truth);
    CHECK(static_cast<double>(times.quantile_ns(q)) <= truth * 1.126);
  }
  CHECK(times.quantile_ns(1) == 100'000);
  histogram other;
  other.add(~std::uint64_t{0});
  other.merge(times);
  CHECK(other.count() == 100'001);
  CHECK(other.quantile_ns(1) == ~std::uint64_t{0});
}

TEST_CASE("an id set knows what it has seen, in order and in any order") {
  const auto seed = pawl::test::asked_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  id_set in_order;
  for (std::uint64_t id = 0; id < 200'000; ++id) REQUIRE(in_order.insert(id));
  for (std::uint64_t id = 0; id < 200'000; ++id) REQUIRE_FALSE(in_order.insert(id));
  CHECK(in_order.size() == 200'000);
  id_set any;
  std::unordered_set<std::uint64_t> truth;
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t id = random() % 150'000;
    REQUIRE(any.insert(id) == truth.insert(id).second);
  }
}

TEST_CASE("ids far from all others cost no more memory than any, and are told apart as well") {
  const auto seed = pawl::test::asked_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  id_set ids;
  std::unordered_set<std::uint64_t> truth;
  CHECK(ids.insert(item_id_end - 1));  // in a mere list of pages, 64 GiB
  CHECK(ids.contains(item_id_end - 1));
  for (int i = 0; i < 50'000; ++i) {
    // Few of each page, so that some are far when they come and near later on.
    const std::uint64_t id = (random() % 4000 << 16) + random() % 4;
    REQUIRE(ids.contains(id) == truth.contains(id));
    REQUIRE(ids.insert(id) == truth.insert(id).second);
  }
  CHECK(ids.size() == truth.size() + 1);
}

TEST_CASE("the key table finds every key in flight, whatever is erased around it") {
  const auto seed = pawl::test::asked_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  constexpr std::size_t limit = 64;
  key_table table(limit);
  std::deque<active_item> items(limit);
  std::set<std::string> in;
  std::vector<active_item*> held;
  std::vector<active_item*> free;
  for (active_item& item : items) free.push_back(&item);
  for (int round = 0; round < 50'000; ++round) {
    if (!free.empty() && (random() & 1) != 0) {
      active_item* item = free.back();
      item->key = std::to_string(random() % 100);
      item->key_hash = key_table::hash(item->key) % 7;  // so that many collide
      const bool fresh = in.insert(item->key).second;
      REQUIRE(table.insert(item) == fresh);
      if (fresh) {
        free.pop_back();
        held.push_back(item);
      }
    } else if (!held.empty()) {
      const std::size_t which = random() % held.size();
      active_item* item = held[which];
      table.erase(item);
      in.erase(item->key);
      held[which] = held.back();
      held.pop_back();
      free.push_back(item);
    }
  }
}

namespace {
const detail::value_type small{.size = 8, .align = 8, .cpp_name = "small", .destroy = nullptr, .copy = nullptr,
                               .move = nullptr, .describe = nullptr, .encode = nullptr, .decode = nullptr, .same = nullptr};
const detail::value_type big{.size = 100, .align = 32, .cpp_name = "big", .destroy = nullptr, .copy = nullptr,
                             .move = nullptr, .describe = nullptr, .encode = nullptr, .decode = nullptr, .same = nullptr};

detail::erased_step step_giving(const detail::value_type* result, std::vector<std::uint16_t> reads = {}) {
  detail::erased_step step;
  step.result = result;
  step.reads = std::move(reads);
  return step;
}
}  // namespace

TEST_CASE("a long chain needs two places, not one for each value") {
  detail::chain chain;
  chain.input = &small;
  for (int i = 0; i < 64; ++i) chain.steps.push_back(step_giving(i % 2 == 0 ? &big : &small));
  const value_layout layout(chain);
  CHECK(layout.align() == 32);
  CHECK(layout.size() <= 256);
  for (std::size_t value = 1; value < layout.count(); ++value) {
    CHECK(layout.offset(value) != layout.offset(value - 1));
    CHECK(layout.offset(value) % 32 == 0);
  }
}

TEST_CASE("a value that is read later keeps its place until then") {
  detail::chain chain;
  chain.input = &small;
  chain.steps = {step_giving(&big), step_giving(nullptr), step_giving(&small), step_giving(&small, {0, 1})};
  const value_layout layout(chain);
  CHECK(layout.latest_after(2) == 1);  // a void step makes no value
  CHECK(layout.dead_after(0).empty());
  CHECK(layout.dead_after(2).empty());
  CHECK(layout.dead_after(3) == std::vector<std::uint16_t>{0, 1, 3});
  std::set<std::size_t> offsets;
  for (const unsigned value : {0u, 1u, 3u, 4u}) offsets.insert(layout.offset(value));
  CHECK(offsets.size() == 4);
  CHECK(layout.read_from(1, 3));
  CHECK_FALSE(layout.read_from(3, 4));
}
