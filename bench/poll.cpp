// How long a call of poll takes a host that owns its loop, while many items are
// in flight.
//
//   build/bench/poll --in-flight 10000 --items 2000000 --budget-us 200
//
// One thread submits as long as there is room and polls; each item goes through
// three steps that do nothing and return 100 bytes. Prints one JSON object: the
// distribution of the times of poll, and the share of calls within --limit-us; the
// same of the calls in which an item ended, for a host that polls without a pause
// makes many in which there is nothing to do; and as the floor the same of a loop
// that looks at the clock for the budget, while one thread flushes a file and one
// walks through memory, as the engine's committer and applier do.
#include "support/engine_options.hpp"
#include "support/fresh_directory.hpp"
#include "support/plain_file.hpp"

#include <pawl/pawl.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <map>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace {

using payload = std::array<std::uint8_t, 100>;

auto steps_that_do_nothing() {
  const auto changed = [](const payload& before) {
    payload after = before;
    ++after[0];
    return after;
  };
  return pawl::workflow<"poll">(pawl::step<"first">([](std::uint64_t n) {
                                  payload made{};
                                  made[1] = static_cast<std::uint8_t>(n);
                                  return made;
                                }),
                                pawl::step<"second">(changed), pawl::step<"third">(changed));
}

struct measured {
  std::vector<double> times_us;  // of poll, shortest first
  std::vector<double> submit_us;  // of all that is submitted between two polls, the same
  std::vector<double> working_us;  // of those polls in which something ended, the same
  std::uint64_t in_flight_least = 0;  // after the first time that the window was full, while there was more to submit
  double seconds = 0;
};

measured measure(pawl::engine& engine, std::uint64_t items, std::chrono::duration<double> budget) {
  using clock = std::chrono::steady_clock;
  const auto w = steps_that_do_nothing();
  measured made;
  made.times_us.reserve(std::size_t{1} << 22);
  made.submit_us.reserve(std::size_t{1} << 22);
  bool was_full = false;
  made.in_flight_least = items;
  const auto began = clock::now();
  auto at = began;
  for (std::uint64_t next = 0;;) {
    while (next < items) {
      if (!engine.try_submit(w, next)) {
        was_full = true;
        break;
      }
      ++next;
    }
    const auto before = clock::now();
    const pawl::poll_result now = engine.poll(budget);
    const auto after = clock::now();
    // Until the window is full for the first time memory is being made.
    if (was_full) {
      made.submit_us.push_back(std::chrono::duration<double, std::micro>(before - at).count());
      made.times_us.push_back(std::chrono::duration<double, std::micro>(after - before).count());
      if (now.ended != 0) made.working_us.push_back(made.times_us.back());
      if (next < items) made.in_flight_least = std::min<std::uint64_t>(made.in_flight_least, now.in_flight);
    }
    at = after;
    if (next == items && now.in_flight == 0) break;
  }
  made.seconds = std::chrono::duration<double>(clock::now() - began).count();
  std::sort(made.times_us.begin(), made.times_us.end());
  std::sort(made.working_us.begin(), made.working_us.end());
  std::sort(made.submit_us.begin(), made.submit_us.end());
  return made;
}

// How long it takes until the budget has gone by for a thread that does nothing else, beside two others; shortest first.
std::vector<double> times_of_a_clock(const std::filesystem::path& directory, std::chrono::duration<double> budget,
                                     double seconds) {
  using clock = std::chrono::steady_clock;
  std::vector<double> times_us;
  const std::vector<std::byte> group(256 * 1024, std::byte{1});
  bench::plain_file file(directory / "flushed", group.size());
  std::jthread flushing([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      file.write_at(0, group);
      file.sync();
    }
  });
  std::jthread walking([&](const std::stop_token& stop) {
    std::vector<std::byte> memory(std::size_t{64} << 20);
    for (std::size_t at = 0; !stop.stop_requested(); at = (at + 64) % memory.size()) memory[at] ^= std::byte{1};
  });
  const auto end = clock::now() + std::chrono::duration<double>(seconds);
  for (auto began = clock::now(); began < end; began = clock::now()) {
    while (clock::now() - began < budget) {
    }
    times_us.push_back(std::chrono::duration<double, std::micro>(clock::now() - began).count());
  }
  std::sort(times_us.begin(), times_us.end());
  return times_us;
}

double quantile(const std::vector<double>& sorted, double share) {
  return sorted.empty() ? 0 : sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

// Of these, which are sorted.
double share_within(const std::vector<double>& sorted, double limit) {
  if (sorted.empty()) return 0;
  const auto within = std::upper_bound(sorted.begin(), sorted.end(), limit) - sorted.begin();
  return static_cast<double>(within) / static_cast<double>(sorted.size());
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"How long a call of poll takes while many items are in flight"};
  std::uint64_t items = 2'000'000;
  double budget_us = 200;
  double limit_us = 300;
  double floor_seconds = 3;
  std::filesystem::path parent = ".";
  pawl::engine_options options = bench::quiet_options();
  options.threads = pawl::threads::flusher;
  options.window_items = 10'000;
  const std::map<std::string, pawl::threads> kinds = {{"flusher", pawl::threads::flusher}, {"none", pawl::threads::none}};
  app.add_option("--items", items, "How many")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--budget-us", budget_us, "Of a poll")->check(CLI::NonNegativeNumber)->capture_default_str();
  app.add_option("--limit-us", limit_us, "Within which the share of calls is told")->capture_default_str();
  app.add_option("--floor-seconds", floor_seconds, "How long the floor is measured")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--threads", options.threads, "Of the engine: flusher or none")->transform(CLI::CheckedTransformer(kinds));
  bench::add_engine_options(app, options);
  bench::add_directory_option(app, parent);
  CLI11_PARSE(app, argc, argv);

  const std::chrono::duration<double, std::micro> budget(budget_us);
  const bench::fresh_directory directory(parent);
  measured made;
  {
    pawl::engine engine(directory.path() / "state", options);
    made = measure(engine, items, budget);
  }
  const std::vector<double> floor_us = times_of_a_clock(directory.path(), budget, floor_seconds);
  nlohmann::ordered_json json;
  json["items"] = items;
  json["in_flight"] = options.window_items;
  json["in_flight_least"] = made.in_flight_least;
  json["durability"] = bench::name_of(options.durability);
  json["threads"] = options.threads == pawl::threads::none ? "none" : "flusher";
  json["budget_us"] = budget_us;
  json["polls"] = made.times_us.size();
  json["p50_us"] = quantile(made.times_us, 0.5);
  json["p99_us"] = quantile(made.times_us, 0.99);
  json["p999_us"] = quantile(made.times_us, 0.999);
  json["max_us"] = quantile(made.times_us, 1);
  json["limit_us"] = limit_us;
  json["within_limit"] = share_within(made.times_us, limit_us);
  json["polls_with_ends"] = made.working_us.size();
  json["with_ends_p99_us"] = quantile(made.working_us, 0.99);
  json["with_ends_p999_us"] = quantile(made.working_us, 0.999);
  json["with_ends_within_limit"] = share_within(made.working_us, limit_us);
  json["floor_p99_us"] = quantile(floor_us, 0.99);
  json["floor_within_limit"] = share_within(floor_us, limit_us);
  json["submit_p999_us"] = quantile(made.submit_us, 0.999);
  json["seconds"] = made.seconds;
  json["steps_per_second"] = 3 * static_cast<double>(items) / made.seconds;
  std::cout << json.dump() << '\n';
  return 0;
} catch (const std::exception& failure) {
  std::cerr << "poll: " << failure.what() << '\n';
  return 1;
}
