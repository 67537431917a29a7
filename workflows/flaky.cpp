// Steps that fail, back off, give up and skip: to see how a report tells it.
//
//   build/workflows/flaky [--items N] [--seed N] [--state DIR]
//
// What goes wrong depends on the item and the seed alone, so what the report must
// say is known beforehand: exit code 0 where it says that, 1 where it does not,
// 2 for wrong usage or an engine that cannot run. Run it again over the same
// state: what failed is tried again where it failed, the refused stay refused.
#include <pawl/pawl.hpp>

#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdint>
#include <iostream>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;

namespace {

struct timed_out : std::runtime_error {
  timed_out() : std::runtime_error("the server did not answer in time") {}
};

enum class fate { smooth, slow_twice, never_answers, refused, empty };

fate fate_of(std::uint64_t item, std::uint64_t seed) {
  std::uint64_t mixed = (item + 1) * 0x9e3779b97f4a7c15 ^ (seed + 1) * 0xbf58476d1ce4e5b9;  // SplitMix64's finalizer
  mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
  switch ((mixed ^ mixed >> 31) % 20) {
    case 0:
      return fate::never_answers;
    case 1:
      return fate::refused;
    case 2:
    case 3:
      return fate::empty;
    case 4:
    case 5:
    case 6:
    case 7:
      return fate::slow_twice;
    default:
      return fate::smooth;
  }
}

struct order {
  std::uint64_t number = 0;
  std::string text;
};

auto orders_of(std::uint64_t seed) {
  return pawl::workflow<"flaky">(
      pawl::step<"fetch">([seed](std::uint64_t number, pawl::context& ctx) {
        const fate fate = fate_of(number, seed);
        if (fate == fate::never_answers || (fate == fate::slow_twice && ctx.attempt() <= 2)) throw timed_out();
        return order{number, fate == fate::empty ? "" : "order " + std::to_string(number)};
      }).retry_on<timed_out>({.attempts = 4, .first_delay = 5ms, .max_delay = 20ms}),

      pawl::pure<"check">([](const order& what) -> pawl::outcome<order> {
        if (what.text.empty()) return pawl::skip("the order is empty");
        return what;
      }),

      pawl::step<"book">([seed](const order& what) {
        // No later run may try this again by itself: somebody has to look at it.
        if (fate_of(what.number, seed) == fate::refused) throw pawl::sticky_failure("the bank refused the card");
      }));
}

struct expectation {
  std::uint64_t done = 0, failed = 0, skipped = 0;
};

expectation expected(std::uint64_t items, std::uint64_t seed) {
  expectation counts;
  for (std::uint64_t item = 0; item < items; ++item) {
    switch (fate_of(item, seed)) {
      case fate::never_answers:
      case fate::refused:
        ++counts.failed;
        break;
      case fate::empty:
        ++counts.skipped;
        break;
      case fate::slow_twice:
      case fate::smooth:
        ++counts.done;
        break;
    }
  }
  return counts;
}

}  // namespace

int main(int argc, char** argv) try {
  std::uint64_t items = 200;
  std::uint64_t seed = 1;
  std::string state = "flaky.pawl";
  CLI::App app{"Steps that fail, back off, give up and skip: to see how a report tells it."};
  app.add_option("--items", items, "how many")->capture_default_str();
  app.add_option("--seed", seed, "decides what goes wrong with which item")->capture_default_str();
  app.add_option("--state", state, "where the engine records what is done")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  pawl::engine engine{state};
  const pawl::report report = engine.run(
      orders_of(seed), pawl::generate([next = std::uint64_t{0}, items]() mutable -> std::optional<std::uint64_t> {
        if (next == items) return std::nullopt;
        return next++;
      }),
      {.progress = pawl::progress_bar{}});
  std::cout << report << '\n';

  const expectation wanted = expected(items, seed);
  std::cout << "expected: " << wanted.done << " done, " << wanted.failed << " failed, " << wanted.skipped
            << " skipped\n";
  const bool as_expected =
      report.done == wanted.done && report.failed == wanted.failed && report.skipped == wanted.skipped;
  return as_expected ? 0 : 1;
} catch (const pawl::error& error) {
  std::cerr << "flaky: " << error.what() << '\n';
  return 2;
}
