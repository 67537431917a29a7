// SIGKILL, then a new process goes on: nothing acknowledged is lost or done again.
#include "support/asked.hpp"
#include "support/catch.hpp"
#include "support/evidence.hpp"
#include "support/temp_dir.hpp"

#include <cstdlib>
#include <random>

using namespace pawl::test;

namespace {

// What a story of crashes and its last, undisturbed run must have left.
std::vector<std::string> judge(const child_options& options) {
  std::vector<std::string> found = violations(options);
  if (output_of(options.dir) != expected_output(options.items)) found.emplace_back("the output differs from an undisturbed run's");
  return found;
}

void check_all_well(const child_options& options) {
  for (const std::string& violation : judge(options)) FAIL_CHECK(violation);
}

}  // namespace

TEST_CASE("an undisturbed run is what the others are compared with") {
  const temp_dir dir;
  const child_options options{.dir = dir.path(), .items = 50, .workers = 2};
  REQUIRE(run_child(options, 0, 0) == child_end::finished);
  REQUIRE(run_child(options, 1, 0) == child_end::finished);
  check_all_well(options);
}

TEST_CASE("killed at every line of a small run, the next process goes on where it was") {
  for (const auto& [workers, mode] : {std::pair{1, "plain"}, std::pair{2, "plain"}, std::pair{1, "process"}}) {
    int kills = 0;
    for (long at = 1;; ++at) {
      CAPTURE(workers, mode, at);
      const temp_dir dir;
      const child_options options{.dir = dir.path(), .items = 6, .workers = workers, .mode = mode};
      const child_end end = run_child(options, 0, at);
      REQUIRE(end != child_end::broken);
      if (end == child_end::finished) break;
      ++kills;
      REQUIRE(run_child(options, 1, 0) == child_end::finished);
      REQUIRE(run_child(options, 2, 0) == child_end::finished);
      check_all_well(options);
    }
    // Three told steps an item, entered and left, and some writes and flushes besides.
    CHECK(kills >= 6 * 6 + 2);
  }
}

TEST_CASE("killed, and killed again in the run that goes on") {
  const auto seed = asked_seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 25; ++round) {
    CAPTURE(round);
    const temp_dir dir;
    const child_options options{
        .dir = dir.path(), .items = 10, .workers = 2, .mode = round % 2 == 0 ? "plain" : "process"};
    int run = 0;
    for (; run < 6; ++run)
      if (run_child(options, run, static_cast<long>(random() % 60 + 1)) == child_end::finished) break;
    REQUIRE(run_child(options, run + 1, 0) == child_end::finished);
    check_all_well(options);
  }
}

TEST_CASE("killed at random moments of a larger run") {
  const auto seed = asked_seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const int wanted = asked_for("PAWL_TEST_KILLS", 200);
  for (int kills = 0; kills < wanted;) {
    const temp_dir dir;
    const child_options options{
        .dir = dir.path(), .items = 2000, .workers = 2, .mode = kills % 2 == 0 ? "slow" : "slow,process"};
    int run = 0;
    for (;; ++run) {
      const child_end end = run_child(options, run, 0, kills < wanted ? static_cast<long>(random() % 60'000) : 0);
      CAPTURE(kills, run);
      REQUIRE(end != child_end::broken);
      if (end == child_end::finished) break;
      ++kills;
    }
    REQUIRE(run_child(options, run + 1, 0) == child_end::finished);
    check_all_well(options);
  }
}

TEST_CASE("an engine that recorded a step before its success would be found out") {
  bool found = false;
  for (long at = 1; !found; ++at) {
    CAPTURE(at);
    const temp_dir dir;
    const child_options options{.dir = dir.path(), .items = 3, .workers = 1, .mode = "canary"};
    const child_end end = run_child(options, 0, at);
    REQUIRE(end == child_end::killed);  // found before it is killed nowhere
    REQUIRE(run_child(options, 1, 0) == child_end::finished);
    found = !judge(options).empty();
  }
}
