// The journal crashes at every operation, and nothing acknowledged is lost.
#include "support/asked.hpp"
#include "support/catch.hpp"
#include "support/journal_machine.hpp"

#include <cstdio>
#include <cstdlib>

using namespace pawl;
using namespace pawl::core;
using namespace pawl::test;

namespace {

// A story: lives that end in crashes, then one that ends well. Returns what went wrong.
std::optional<std::string> story(std::uint64_t seed, durability mode, const machine_faults& faults) {
  journal_machine machine(seed, mode, faults);
  const auto lives = machine.random()() % 6 + 1;
  for (std::uint64_t life = 0; life < lives; ++life) {
    if (auto wrong = machine.live(machine.random()() % 120 + 1, 60)) return wrong;
    if (machine.random()() % 2 == 0) machine.kill();
    else machine.cut_power();
  }
  return machine.live(0, 5);
}

// The number of stories until one goes wrong; 0 where none does.
int stories_until_found(durability mode, const machine_faults& faults, int most) {
  const std::uint64_t seed = asked_seed();
  for (int i = 0; i < most; ++i)
    if (story(seed + static_cast<std::uint64_t>(i), mode, faults)) return i + 1;
  return 0;
}

}  // namespace

TEST_CASE("a journal that crashes again and again, by kill and by power cut, keeps what it acknowledged") {
  const std::uint64_t seed = asked_seed();
  for (const durability mode : {durability::power, durability::process})
    for (std::uint64_t i = 0; i < 1500; ++i) {
      CAPTURE(seed + i, mode == durability::power);
      const auto wrong = story(seed + i, mode, {});
      INFO(wrong.value_or(""));
      REQUIRE_FALSE(wrong);
    }
  std::printf("journal: %llu crash states by now, 0 bad\n", static_cast<unsigned long long>(journal_machine::crash_states()));
}

TEST_CASE("a journal that crashes at each operation of its recovery, twice in a row, keeps what it acknowledged") {
  const std::uint64_t seed = asked_seed();
  for (const durability mode : {durability::power, durability::process})
    for (std::uint64_t i = 0; i < 40; ++i) {
      CAPTURE(seed + i, mode == durability::power);
      for (std::uint64_t at = 1; at < 40; ++at) {
        journal_machine machine(seed + i, mode);
        std::optional<std::string> wrong = machine.live(machine.random()() % 60 + 20, 60);
        const bool power = machine.random()() % 2 == 0;
        for (int crash = 0; crash < 3 && !wrong; ++crash) {
          if (power) machine.cut_power();
          else machine.kill();
          wrong = machine.live(crash < 2 ? at : 0, 3);
        }
        CAPTURE(at);
        INFO(wrong.value_or(""));
        REQUIRE_FALSE(wrong);
      }
    }
  std::printf("journal: %llu crash states by now, 0 bad\n", static_cast<unsigned long long>(journal_machine::crash_states()));
}

TEST_CASE("the planted bugs are found: acknowledged before the flush, a segment written over too early, its name not flushed") {
  CHECK(stories_until_found(durability::power, {.sync_lies = true}, 500) != 0);
  CHECK(stories_until_found(durability::power, {.sync_directory_lies = true}, 500) != 0);
  CHECK(stories_until_found(durability::power, {.releases_early = true}, 2000) != 0);
}
