// Stories of a simulated run against a model of what may happen: support/simulation.hpp.
//
// PAWL_TEST_SEEDS says how many; PAWL_TEST_SEED tells one again.
#include "support/asked.hpp"
#include "support/catch.hpp"
#include "support/simulation.hpp"

#include <chrono>
#include <cstdlib>
#include <iostream>

using namespace pawl::test;

TEST_CASE("of simulated runs nothing happens that the model forbids, and all end as it says") {
  const std::uint64_t first = asked_seed();
  const int seeds = asked_for("PAWL_TEST_SEEDS", std::getenv("PAWL_TEST_SEED") != nullptr ? 1 : 40);
  simulated_totals totals;
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < seeds; ++i) {
    const std::uint64_t seed = first + static_cast<std::uint64_t>(i);
    CAPTURE(seed);
    simulation story(seed);
    const auto wrong = story.run();
    if (wrong) FAIL(*wrong);
    totals.calls += story.totals.calls;
    totals.lives += story.totals.lives;
    totals.items += story.totals.items;
    totals.unknown += story.totals.unknown;
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  std::cout << seeds << " seeds from " << first << ": " << totals.calls << " steps, " << totals.items << " items, "
            << totals.lives - static_cast<std::uint64_t>(seeds) << " crashes, " << totals.unknown << " of unknown outcome; "
            << static_cast<std::uint64_t>(static_cast<double>(totals.calls) / seconds * 60) << " steps a minute\n";
  if (seeds >= 40) {
    CHECK(totals.lives > static_cast<std::uint64_t>(seeds));
    CHECK(totals.unknown > 0);
  }
}

TEST_CASE("one seed is one story") {
  simulation one(4711);
  simulation again(4711);
  REQUIRE_FALSE(one.run());
  REQUIRE_FALSE(again.run());
  CHECK(one.totals.calls == again.totals.calls);
  CHECK(one.totals.lives == again.totals.lives);
}
