#include "run/unseen_keys.hpp"

#include "support/asked.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <map>
#include <random>

using namespace pawl::core;

TEST_CASE("a key stays unseen until a view has come as far as its position") {
  unseen_keys keys;
  CHECK_FALSE(keys.may_have(7));
  keys.add(7, 100);
  keys.add(8, 100);
  keys.add(9, 200);
  keys.forget(99);
  CHECK((keys.may_have(7) && keys.may_have(8) && keys.may_have(9)));
  keys.forget(100);
  CHECK_FALSE((keys.may_have(7) || keys.may_have(8)));
  CHECK(keys.may_have(9));
  keys.forget(everything);
  CHECK(keys.size() == 0);
}

TEST_CASE("two keys with one hash leave one after the other, and 0 is a hash like others") {
  unseen_keys keys;
  keys.add(0, 1);
  keys.add(0, 2);
  keys.forget(1);
  CHECK(keys.may_have(0));
  keys.forget(2);
  CHECK_FALSE(keys.may_have(0));
}

TEST_CASE("what is in it is what a plain list of it says, whatever comes and goes") {
  const auto seed = pawl::test::asked_seed();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  unseen_keys keys;
  std::multimap<log_position, std::uint64_t> expected;
  log_position now = 0;
  for (int round = 0; round < 20'000; ++round) {
    if (random() % 3 != 0) {
      now += random() % 2;
      const std::uint64_t hash = (2 + random() % 500) * (random() % 2 == 0 ? 1 : 1024);  // many share a home
      keys.add(hash, now);
      expected.emplace(now, hash);
    } else {
      const log_position seen = now > 200 ? now - random() % 200 : 0;
      keys.forget(seen);
      expected.erase(expected.begin(), expected.upper_bound(seen));
    }
    if (round % 100 != 0) continue;
    REQUIRE(keys.size() == expected.size());
    for (std::uint64_t hash = 2; hash < 502; ++hash) {
      const bool there = std::any_of(expected.begin(), expected.end(), [&](const auto& one) { return one.second == hash; });
      REQUIRE(keys.may_have(hash) == there);
    }
  }
}
