// An engine with a bug in it: run/worker.cpp is compiled with PAWL_CANARY, and now and then an effect does not wait for
// the checkpoint in front of it. The simulation must find it within so many seeds.
#include "support/asked.hpp"
#include "support/catch.hpp"
#include "support/simulation.hpp"

#include <iostream>

using namespace pawl::test;

TEST_CASE("a planted bug is found within 20 seeds") {
  const std::uint64_t first = asked_seed();
  CAPTURE(first);
  int tried = 0;
  std::optional<std::string> found;
  while (!found && tried < 20) found = simulation(first + static_cast<std::uint64_t>(tried++)).run();
  REQUIRE(found);
  std::cout << "found with seed " << tried << ": " << *found << "\n";
  CHECK(found->find("before all in front of it was durable") != std::string::npos);
}
