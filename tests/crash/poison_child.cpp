// A workflow with items that take the process down.
//
//   poison_child STATE ITEMS WORKERS WAY [deaf] [slow] [batch] [loop [rare]] [never|one] [shared] [leaves]
//
// Every item whose number ends in 007 dies in the step "parse", in the way that is named; "mixed": each in another one.
//   segv abort terminate overflow fpe ill trap exit thread none
// deaf: without handlers of signals, the error that the tests must be able to find. slow: a step takes a millisecond.
// batch: "parse" takes up to 100 items at once. loop: "parse" is a loop that dies in its tenth round, checkpointed after
// every fifth. one, never: max_crashes. shared: one of several processes.
// leaves: calls exit() in a handler of SIGTERM.
//
// Ends with 0 where all items have ended, with 3 and a sentence where that is not so.
#include <pawl/pawl.hpp>

#include "support/quiet.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

[[gnu::noinline]] int deeper(int depth) {
  volatile char room[4096];
  room[0] = static_cast<char>(depth);
  return depth < 0 ? 0 : deeper(depth + 1) + room[0];
}

void throw_it() { throw std::runtime_error("nobody catches it"); }

#if defined(__clang__)
[[clang::no_sanitize("integer-divide-by-zero", "null", "alignment")]]
#elif defined(__GNUC__)
[[gnu::no_sanitize_undefined]]
#endif
void die(const std::string& way) {
  volatile int zero = 0;
  if (way == "segv") *reinterpret_cast<volatile int*>(static_cast<std::uintptr_t>(zero + 8)) = 1;
  if (way == "abort") std::abort();
  if (way == "terminate") []() noexcept { throw_it(); }();
  if (way == "overflow") std::exit(deeper(0));
  if (way == "fpe") std::exit(std::atoi("100") / zero);
  if (way == "ill" || way == "trap") std::raise(way == "ill" ? SIGILL : SIGTRAP);
  if (way == "exit") std::exit(1);
  if (way == "thread") std::thread([] { std::abort(); }).join();
}

bool has(int argc, char** argv, const std::string& word) {
  for (int i = 5; i < argc; ++i)
    if (argv[i] == word) return true;
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  static const std::array<std::string, 8> ways{"segv", "abort", "terminate", "overflow", "fpe", "ill", "trap", "exit"};
  const auto items = static_cast<std::uint64_t>(std::atol(argv[2]));
  const std::string way = argv[4];
  const bool slow = has(argc, argv, "slow");
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  const rlimit little{1 << 20, 1 << 20};
  ::setrlimit(RLIMIT_STACK, &little);

  if (has(argc, argv, "leaves")) std::signal(SIGTERM, [](int) { std::exit(4); });
  const auto perhaps_die = [&](std::uint64_t number) {
    if (number % 1000 == 7) die(way == "mixed" ? ways[number / 1000 % ways.size()] : way);
  };
  auto read = pawl::pure<"read">([](const std::uint64_t& number) { return number; });
  auto parse_one = [&](const std::uint64_t& number) {
    if (slow) std::this_thread::sleep_for(1ms);
    perhaps_die(number);
    return number;
  };
  auto parse_many = [&](const pawl::batch_view<std::uint64_t>& entries) {
    std::vector<std::uint64_t> parsed;
    for (const auto& one : entries) parsed.push_back(parse_one(one.value));
    return parsed;
  };
  auto store = pawl::step<"store">([](const std::uint64_t& number) { return number; });
  try {
    pawl::engine_options options = pawl::test::quiet(static_cast<std::size_t>(std::atol(argv[3])));
    options.window_items = 64;
    options.crash_handlers = !has(argc, argv, "deaf");
    if (has(argc, argv, "never")) options.max_crashes = 0;
    if (has(argc, argv, "one")) options.max_crashes = 1;
    if (has(argc, argv, "shared")) options.opening = pawl::opening::shared;
    pawl::engine engine(argv[1], options);
    std::vector<std::uint64_t> all(items);
    std::iota(all.begin(), all.end(), std::uint64_t{0});
    const auto run = [&](const auto& workflow) {
      const pawl::report made = engine.run(workflow, all);
      return made.done + made.failed == items && !made.stopped ? 0 : 1;
    };
    if (has(argc, argv, "batch"))
      return run(pawl::workflow<"poison">(std::move(read), pawl::batch<"parse">(parse_many, {.max_items = 100}),
                                          std::move(store)));
    if (has(argc, argv, "loop")) {
      int rounds = 0;  // of this process
      return run(pawl::workflow<"poison">(
          std::move(read), pawl::loop<"parse">(
                               [&](std::uint64_t& number) {
                                 if (++rounds == 10) perhaps_die(7);
                                 return ++number % 1000 < 100 ? pawl::round::again : pawl::round::done;
                               },
                               {.every_rounds = has(argc, argv, "rare") ? 20u : 5u}),
          std::move(store)));
    }
    return run(pawl::workflow<"poison">(std::move(read), pawl::step<"parse">(parse_one), std::move(store)));
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "poison_child: %s\n", failure.what());
    return 3;
  }
}
