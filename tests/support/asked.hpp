// What the environment asks of a test; README.md has the list of variables.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

namespace pawl::test {

// The number in this variable, where it is set.
inline int asked_for(const char* variable, int usual) {
  const char* const asked = std::getenv(variable);
  return asked != nullptr ? std::stoi(asked) : usual;
}

// What PAWL_TEST_SEED has, and another one each time where it is not set. For the test to show: CAPTURE(seed).
inline std::uint32_t asked_seed() {
  const char* const asked = std::getenv("PAWL_TEST_SEED");
  return asked != nullptr ? static_cast<std::uint32_t>(std::stoul(asked)) : std::random_device{}();
}

}  // namespace pawl::test
