// Does a step cost more the later it comes? Step 64 against step 2 of a chain of 64.
//
//   build/bench/step_cost
//
// What a single step costs cannot be seen in a run where thousands of items are
// under way at once, each at another step. But chains of different lengths can be
// compared: what one of 17 steps takes for each item beyond one of 1 step is the
// cost of steps 2 to 17, and 64 against 48 that of steps 49 to 64; admission, the
// look-up of the key and the end of an item are in both and cancel out. Steps in
// the middle of those (9.5 and 56.5) then give a line, and the line steps 2 and 64.
//
// Time is taken between the end of one item and that of a later one in the same
// run, whole windows of items apart, so that the window is full all the time.
// Rounds of all four lengths alternate, on one state, which is closed after each
// run, so that none begins with what another one left to do; the medians of each
// length count, without the first round, in which files grow. Prints one JSON
// object.
#include "support/engine_options.hpp"
#include "support/fresh_directory.hpp"

#include <pawl/pawl.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using clock_type = std::chrono::steady_clock;
using chain = pawl::workflow_of<std::uint64_t, std::string>;

constexpr std::array<unsigned, 4> lengths = {1, 17, 48, 64};

// How many windows of items a run takes. Short chains take more of them, so that they run for some time too. Time is
// taken from the end of the first quarter to that of the third.
constexpr std::uint64_t windows_of(unsigned length) { return length < 16 ? 64 : length < 32 ? 16 : 8; }

// Where the last steps of items leave word of it. One worker, so one thread.
struct ends {
  std::uint64_t count = 0;
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  clock_type::time_point from_time{};
  clock_type::time_point to_time{};

  void one_more() {
    ++count;
    if (count == from) from_time = clock_type::now();
    if (count == to) to_time = clock_type::now();
  }
  [[nodiscard]] double ns_per_item() const {
    return std::chrono::duration<double, std::nano>(to_time - from_time).count() / static_cast<double>(to - from);
  }
};

template <std::size_t Place>
consteval auto name() {
  const char letters[] = {'s', static_cast<char>('0' + Place / 10), static_cast<char>('0' + Place % 10), 0};
  return pawl::detail::fixed_string(letters);
}

// A step behind the first one passes its string on; the last step counts.
template <bool Last>
struct follow {
  ends* into;
  std::string operator()(const std::string& before) const {
    if constexpr (Last) into->one_more();
    return before;
  }
};

// The first step makes the string.
template <bool Last>
struct start {
  std::size_t bytes;
  ends* into;
  std::string operator()(const std::uint64_t&) const {
    if constexpr (Last) into->one_more();
    return std::string(bytes, 'r');
  }
};

template <std::size_t... Places>
chain make_chain(std::size_t bytes, ends& into, std::index_sequence<Places...>) {
  constexpr std::size_t more = sizeof...(Places);
  return pawl::workflow<name<more + 1>()>(pawl::step<"first">(start<more == 0>{bytes, &into}),
                                          pawl::step<name<Places>()>(follow<Places + 1 == more>{&into})...);
}

chain chain_of(unsigned length, std::size_t bytes, ends& into) {
  if (length == lengths[0]) return make_chain(bytes, into, std::make_index_sequence<lengths[0] - 1>{});
  if (length == lengths[1]) return make_chain(bytes, into, std::make_index_sequence<lengths[1] - 1>{});
  if (length == lengths[2]) return make_chain(bytes, into, std::make_index_sequence<lengths[2] - 1>{});
  return make_chain(bytes, into, std::make_index_sequence<lengths[3] - 1>{});
}

// Nanoseconds between the ends of two items that follow each other, in a chain of this length. Each round has items of
// its own.
double measure(unsigned length, std::size_t round, std::size_t bytes, const pawl::engine_options& options,
               const std::filesystem::path& state) {
  const std::uint64_t items = windows_of(length) * options.window_items;
  ends seen;
  seen.from = items / 4;
  seen.to = items / 4 * 3;
  pawl::engine engine{state, options};
  std::uint64_t next = round * items;
  const std::uint64_t end = next + items;
  const auto source = [&]() -> std::optional<std::uint64_t> {
    if (next == end) return std::nullopt;
    return next++;
  };
  const pawl::report report = engine.run(chain_of(length, bytes, seen), pawl::generate(source, items));
  if (report.done != items || seen.count != items)
    throw std::runtime_error("pawl did not finish all items:\n" + pawl::to_string(report));
  return seen.ns_per_item();
}

double median(std::vector<double> numbers) {
  std::sort(numbers.begin(), numbers.end());
  const std::size_t size = numbers.size();
  return (numbers[(size - 1) / 2] + numbers[size / 2]) / 2;
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"The cost of step 64 against that of step 2 in a chain of 64"};
  std::size_t rounds = 5;
  std::size_t bytes = 100;
  std::filesystem::path parent = ".";
  pawl::engine_options options = bench::quiet_options();
  app.add_option("--rounds", rounds, "How often each chain is run")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--bytes", bytes, "Size of each step's result")->capture_default_str();
  bench::add_engine_options(app, options);
  bench::add_directory_option(app, parent);
  CLI11_PARSE(app, argc, argv);
  if (options.workers != 1) throw std::invalid_argument("the ends of items are counted by one worker only");

  const bench::fresh_directory directory(parent);
  std::array<std::vector<double>, lengths.size()> times;
  for (std::size_t round = 0; round <= rounds; ++round)
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      const double time = measure(lengths[i], round, bytes, options, directory.path() / "step_cost.pawl");
      if (round != 0) times[i].push_back(time);
    }
  std::array<double, lengths.size()> per_item{};
  for (std::size_t i = 0; i < lengths.size(); ++i) per_item[i] = median(times[i]);

  const double early = (per_item[1] - per_item[0]) / (lengths[1] - lengths[0]);  // the middle of steps 2 to 17: 9.5
  const double late = (per_item[3] - per_item[2]) / (lengths[3] - lengths[2]);   // of steps 49 to 64: 56.5
  const double slope = (late - early) / (56.5 - 9.5);
  const double step_2 = early - slope * (9.5 - 2);
  const double step_64 = late + slope * (64 - 56.5);

  nlohmann::ordered_json json;
  json["rounds"] = rounds;
  json["bytes"] = bytes;
  json["in_flight"] = options.window_items;
  json["durability"] = bench::name_of(options.durability);
  for (std::size_t i = 0; i < lengths.size(); ++i) json["ns_per_item"][std::to_string(lengths[i])] = per_item[i];
  json["step_2_ns"] = step_2;
  json["step_64_ns"] = step_64;
  json["ratio"] = step_64 / step_2;
  std::cout << json.dump() << '\n';
  return 0;
} catch (const std::exception& failure) {
  std::cerr << "step_cost: " << failure.what() << '\n';
  return 1;
}
