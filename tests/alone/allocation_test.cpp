// No allocation per step: the global operator new is replaced by one that counts,
// which is why this is a program of its own.
#include "support/catch.hpp"
#include "support/counted_new.hpp"
#include "support/null_backend.hpp"
#include "support/run_over.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

using namespace pawl;
using namespace pawl::core;

namespace {
std::atomic<std::uint64_t> allocations{0};
}

void pawl::test::note_allocation() noexcept { allocations.fetch_add(1, std::memory_order_relaxed); }

namespace {

using numbers = std::array<std::uint64_t, 12>;

constexpr std::uint64_t warm_up = 50'000;
constexpr std::uint64_t measured = 200'000;
// What may come late: a chunk of a lane, a queue that grows.
constexpr std::uint64_t once_in_a_while = 64;

// Allocations while the items behind the warm-up are taken through the workflow.
template <class Out>
std::uint64_t allocations_of(const workflow_of<std::uint64_t, Out>& workflow, const test::run_shape& shape,
                             bool keeps_nothing = false) {
  test::null_backend store(keeps_nothing);
  store.first_commit_takes = std::chrono::milliseconds(300);
  checkpoint_log log(store);
  std::uint64_t next = 0;
  std::uint64_t before = 0;
  std::uint64_t after = 0;
  const auto source = generate([&]() -> std::optional<std::uint64_t> {
    if (next == warm_up) before = allocations;
    if (next == warm_up + measured) after = allocations;
    if (next == warm_up + measured) return std::nullopt;
    return next++;
  });
  const report made = test::run_source_over(store, log, workflow, source, shape);
  CHECK(made.done == warm_up + measured);
  return after - before;
}

auto three_steps() {
  return workflow<"w">(step<"a">([](const std::uint64_t& n) { return numbers{n}; }),
                       step<"b">([](const numbers& before) { return numbers{before[0] + 1}; }),
                       pure<"c">([](const numbers& before) { return before[0]; }));
}

}  // namespace

TEST_CASE("a step allocates nothing once the window was full") {
  for (const std::size_t window : {std::size_t{1}, std::size_t{64}, std::size_t{8192}}) {
    CAPTURE(window);
    CHECK(allocations_of(three_steps(), {.window = window, .check_codecs = false}) <= once_in_a_while);
  }
}

TEST_CASE("nor with several workers, or at a step with a limit") {
  CHECK(allocations_of(three_steps(), {.workers = 3, .window = 1024, .check_codecs = false}) <= once_in_a_while);
  const auto limited = workflow<"w">(step<"a">([](const std::uint64_t& n) { return numbers{n}; }).concurrency(1),
                                     step<"b">([](const numbers& before) { return before[0]; }).concurrency(2));
  CHECK(allocations_of(limited, {.workers = 3, .window = 1024, .check_codecs = false}) <= once_in_a_while);
}

TEST_CASE("nor where nothing is kept") {
  CHECK(allocations_of(three_steps(), {.window = 32}, true) <= once_in_a_while);
}

TEST_CASE("an allocation in a step is counted") {
  const auto planted = workflow<"w">(step<"a">([](const std::uint64_t& n) {
    const auto there = std::make_unique<std::atomic<std::uint64_t>>(n);
    return there->load();
  }));
  CHECK(allocations_of(planted, {.window = 64, .check_codecs = false}) >= measured - 64);
}
