// One of several processes on a state, for crash/shared_*_test:
//
//   shared_child STATE LOG FROM TO WORKERS [WORD...]
//
// Takes items FROM to TO-1 through three steps. Each step appends "S PID ITEM STEP" to the log when it begins and "E ..." when
// it ends, with one write each, so that the log tells who did what when. Prints its report. Exit code 3: refused, and why
// on standard output.
//
//   hold=N     the second step of item N says "H PID N 1" and then waits to be killed
//   system=N   the same, in a child of system()
//   longer     a chain with a fourth step
//   looped     the second step is a loop of six rounds with a checkpoint after every second one
//   counted    the third step is transactional: it gives each item the next number
//   window=N   of the engine
//   quick      steps that take no time
//   shuffled   items in another order in each process, and each of them twice
#include <pawl/pawl.hpp>

#include "support/quiet.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

int log_fd = -1;
std::uint64_t held = ~std::uint64_t{0};
constexpr pawl::table<"last", std::string, std::uint64_t> last_number;
constexpr pawl::table<"numbers", std::uint64_t, std::uint64_t> numbers;
bool in_system = false;
bool quick = false;

void note(char what, std::uint64_t item, int step) {
  const std::string line = std::string(1, what) + " " + std::to_string(::getpid()) + " " + std::to_string(item) + " " +
                           std::to_string(step) + "\n";
  if (::write(log_fd, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::abort();
}

void hold(std::uint64_t item) {
  note('H', item, 1);
  if (in_system && std::system("sleep 60") == 0) return;
  for (;;) ::pause();
}

std::uint64_t first(std::uint64_t item) {
  note('S', item, 0);
  note('E', item, 0);
  return item * 2;
}

std::uint64_t second(std::uint64_t twice) {
  const std::uint64_t item = twice / 2;
  note('S', item, 1);
  if (item == held) hold(item);
  if (!quick) std::this_thread::sleep_for(std::chrono::microseconds(500 + item % 7 * 500));
  note('E', item, 1);
  return twice + 1;
}

// A round begins the step anew where another process has it now.
struct simulation {
  std::uint64_t value = 0;
  std::uint32_t round = 0;
  std::int32_t process = 0;
};

pawl::round second_in_rounds(simulation& state) {
  const std::uint64_t item = state.value / 2;
  if (state.process != ::getpid()) {
    note('S', item, 1);
    if (state.round % 2 != 0) std::abort();  // no checkpoint was made there
    if (state.round != 0) note('C', item, 1);
    state.process = ::getpid();
  }
  std::this_thread::sleep_for(std::chrono::microseconds(200 + item % 7 * 100));
  if (++state.round < 6) return pawl::round::again;
  ++state.value;
  note('E', item, 1);
  return pawl::round::done;
}

void third(std::uint64_t value) {
  note('S', (value - 1) / 2, 2);
  note('E', (value - 1) / 2, 2);
}

void third_in_transaction(std::uint64_t value, pawl::transaction& tx) {
  const std::uint64_t next = tx.get(last_number, "").value_or(0) + 1;
  third(value);
  tx.put(last_number, "", next);
  tx.put(numbers, next, (value - 1) / 2);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) return 2;
  log_fd = ::open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const std::uint64_t from = std::strtoull(argv[3], nullptr, 10);
  const std::uint64_t to = std::strtoull(argv[4], nullptr, 10);
  pawl::engine_options options = pawl::test::quiet(std::strtoull(argv[5], nullptr, 10));
  options.opening = pawl::opening::shared;
  bool longer = false;
  bool counted = false;
  bool looped = false;
  std::vector<std::uint64_t> items;
  for (std::uint64_t item = from; item < to; ++item) items.push_back(item);
  for (int i = 6; i < argc; ++i) {
    const std::string_view word = argv[i];
    const auto number = [&] { return std::strtoull(argv[i] + word.find('=') + 1, nullptr, 10); };
    if (word.starts_with("hold=") || word.starts_with("system=")) held = number();
    in_system |= word.starts_with("system=");
    longer |= word == "longer";
    counted |= word == "counted";
    looped |= word == "looped";
    quick |= word == "quick";
    if (word == "shuffled") {
      items.insert(items.end(), items.begin(), items.begin() + static_cast<std::ptrdiff_t>(to - from));
      std::shuffle(items.begin(), items.end(), std::mt19937(static_cast<unsigned>(::getpid())));
    }
    if (word.starts_with("window=")) options.window_items = number();
  }
  try {
    pawl::engine engine(argv[1], options);
    auto one = pawl::step<"first">(first);
    auto two = pawl::step<"second">(second);
    auto three = pawl::step<"third">(third);
    auto three_counted = pawl::transactional<"third">(third_in_transaction);
    const pawl::report report =
        counted ? engine.run(pawl::workflow<"shared">(one, two, three_counted), items)
        : looped ? engine.run(pawl::workflow<"shared">(
                                  pawl::step<"first">([](std::uint64_t item) { return simulation{first(item), 0, 0}; }),
                                  pawl::loop<"second">(second_in_rounds, {.every_rounds = 2}),
                                  pawl::step<"third">([](const simulation& state) { third(state.value); })),
                              items)
        : longer ? engine.run(pawl::workflow<"shared">(one, two, three, pawl::step<"fourth">([] {})), items)
               : engine.run(pawl::workflow<"shared">(one, two, three), items);
    std::printf("items %llu done %llu failed %llu duplicates %llu\n", static_cast<unsigned long long>(report.items),
                static_cast<unsigned long long>(report.done), static_cast<unsigned long long>(report.failed),
                static_cast<unsigned long long>(report.duplicates));
    return 0;
  } catch (const pawl::error& failure) {
    std::printf("%s\n", failure.what());
    return 3;
  }
}
