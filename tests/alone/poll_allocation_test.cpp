// poll and try_submit allocate nothing in steady state: the global operator new is
// replaced by one that counts what the thread under test asks for.
#include <pawl/pawl.hpp>

#include "support/catch.hpp"
#include "support/counted_new.hpp"
#include "support/quiet.hpp"
#include "support/temp_dir.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>

using namespace std::chrono_literals;
using pawl::test::quiet;
using pawl::test::temp_dir;

namespace {
thread_local std::uint64_t allocations = 0;
}

void pawl::test::note_allocation() noexcept { ++allocations; }

namespace {

using numbers = std::array<std::uint64_t, 12>;

constexpr std::uint64_t warm_up = 100'000;
constexpr std::uint64_t measured = 200'000;
// What may come late: a queue that grows.
constexpr std::uint64_t once_in_a_while = 64;

// Allocations of the host's thread for the items behind the warm-up, with a real state.
template <class Out>
std::uint64_t allocations_of(const pawl::workflow_of<std::uint64_t, Out>& workflow, std::size_t window) {
  const temp_dir dir;
  pawl::engine_options options = quiet();
  options.threads = pawl::threads::flusher;
  options.window_items = window;
  options.check_codecs = false;
  pawl::engine engine(dir / "state", options);
  std::uint64_t sum = 0;
  std::uint64_t before = 0;
  std::uint64_t ended = 0;
  for (std::uint64_t next = 0; ended < warm_up + measured;) {
    while (next < warm_up + measured) {
      if (next == warm_up) before = allocations;
      const auto one = engine.try_submit(workflow, next);
      if (!one) break;
      one->then([&](const pawl::handle<Out>& done) {
        ++ended;
        sum += done.result() != nullptr;
      });
      ++next;
    }
    static_cast<void>(engine.poll(200us));
  }
  const std::uint64_t after = allocations;
  CHECK(sum == warm_up + measured);
  CHECK(engine.close(workflow).done == warm_up + measured);
  return after - before;
}

}  // namespace

TEST_CASE("poll, try_submit, handles and their callbacks allocate nothing once the window was full") {
  const auto w = pawl::workflow<"w">(pawl::step<"a">([](const std::uint64_t& n) { return numbers{n}; }),
                                     pawl::step<"b">([](const numbers& before) { return numbers{before[0] + 1}; }),
                                     pawl::pure<"c">([](const numbers& before) { return before[0]; }));
  for (const std::size_t window : {std::size_t{64}, std::size_t{8192}}) {
    CAPTURE(window);
    CHECK(allocations_of(w, window) <= once_in_a_while);
  }
}

TEST_CASE("an allocation in a step is counted") {
  const auto planted = pawl::workflow<"w">(pawl::step<"s">([](const std::uint64_t& n) {
    const auto there = std::make_unique<std::atomic<std::uint64_t>>(n);
    return there->load();
  }));
  CHECK(allocations_of(planted, 1024) >= measured - 1024);
}
