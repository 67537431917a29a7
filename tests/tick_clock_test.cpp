// A thread's clock that counts ticks, over a counter and a system's clock of the test's own.
#include "run/clock.hpp"
#include "run/tick_clock.hpp"
#include "support/catch.hpp"

#include <chrono>
#include <cstdint>
#include <thread>

using namespace pawl::core;

namespace {

// A machine whose counter makes 3 ticks a nanosecond.
struct machine {
  std::uint64_t ns = 5'000'000'000;
  std::uint64_t ticks = 777;
  std::uint64_t asked = 0;  // readings of the system's clock
  tick_clock clock;

  void pass(std::uint64_t some_ns) {
    ns += some_ns;
    ticks += 3 * some_ns;
  }
  std::uint64_t now() {
    return clock.now_ns([this] { return ticks; },
                        [this] {
                          ++asked;
                          return ns;
                        });
  }
};

}  // namespace

TEST_CASE("between two anchors ticks tell the time, and the system's clock is asked once a millisecond") {
  machine m;
  for (int i = 0; i < 5000; ++i) {
    m.pass(1000);
    static_cast<void>(m.now());
  }
  m.asked = 0;
  for (int i = 0; i < 100'000; ++i) {
    m.pass(1000);
    const std::uint64_t now = m.now();
    REQUIRE(now <= m.ns + 2);
    REQUIRE(now + 2 >= m.ns);
  }
  CHECK(m.asked >= 95);
  CHECK(m.asked <= 110);
}

TEST_CASE("a clock of ticks never goes back, whatever the counter does") {
  machine m;
  std::uint64_t last = 0;
  const auto check = [&] {
    const std::uint64_t now = m.now();
    REQUIRE(now >= last);
    REQUIRE(now <= m.ns + 1'000'000);
    last = now;
  };
  for (int i = 0; i < 200'000; ++i) {
    m.pass(500);
    if (i % 20'000 == 0) m.ticks += 1'000'000'000;  // the machine was paused
    if (i % 30'000 == 0) m.ticks -= 100'000'000;    // it was moved to another one
    check();
  }
}

TEST_CASE("where the counter's rate is not the one of before, the system's clock is asked until it is") {
  machine m;
  for (int i = 0; i < 5000; ++i) {
    m.pass(1000);
    static_cast<void>(m.now());
  }
  m.ticks += 30'000'000;
  m.pass(2'000'000);
  static_cast<void>(m.now());
  m.asked = 0;
  for (int i = 0; i < 900; ++i) {
    m.pass(1000);
    CHECK(m.now() == m.ns);
  }
  CHECK(m.asked == 900);
}

TEST_CASE("the machine's clock agrees with the system's") {
  pawl::core::clock& time = system_clock();
  std::uint64_t last = time.now_ns();
  for (int i = 0; i < 30; ++i) {
    for (int spin = 0; spin < 20'000; ++spin) {
      const std::uint64_t now = time.now_ns();
      REQUIRE(now >= last);
      last = now;
    }
    const auto before = std::chrono::steady_clock::now();
    const std::uint64_t now = time.now_ns();
    const auto after = std::chrono::steady_clock::now();
    const auto ns = [](auto at) {
      return static_cast<std::uint64_t>(std::chrono::nanoseconds(at.time_since_epoch()).count());
    };
    CHECK(now + 20'000 >= ns(before));
    CHECK(now <= ns(after) + 20'000);
  }
}
