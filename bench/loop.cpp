// What the checkpoints of a loop cost: against a plain program that writes over and
// syncs the same bytes in a file that exists, and against what Young and Daly
// predict for a stated rate of failures.
//
//   build/bench/loop --mib 256 --checkpoints 10 --mtbf 20 --seconds 60
//
// First a loop that is checkpointed after each round, and whose rounds do what the
// plain program does: so both are measured by turns, in one run. Then one that
// computes for so many seconds, checkpointed as often as the engine chooses. Then
// how long it takes until it goes on from its last checkpoint. Prints one JSON
// object.
#include "support/engine_options.hpp"
#include "support/fresh_directory.hpp"
#include "support/plain_file.hpp"

#include <pawl/pawl.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace {

using steady = std::chrono::steady_clock;

double since(steady::time_point began) { return std::chrono::duration<double>(steady::now() - began).count(); }

double median(std::vector<double> all) {
  std::sort(all.begin(), all.end());
  return all.empty() ? 0 : all[all.size() / 2];
}

struct grid {
  std::uint64_t rounds = 0;
  std::vector<double> cells;
};

// A little less than that: a result has 1 GiB at most.
grid make_grid(std::uint64_t mib) { return {0, std::vector<double>((mib << 20) / sizeof(double) - 8, 1.0)}; }

void compute(grid& now) {
  for (double& cell : now.cells) cell = cell * 0.999 + 0.001;
  ++now.rounds;
}

std::uint64_t peak_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6)) * 1024;
  return 0;
}

void forget_peak() { std::ofstream("/proc/self/clear_refs") << 5; }

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"What the checkpoints of a loop cost"};
  std::uint64_t mib = 256;
  std::uint64_t checkpoints = 10;
  double mtbf_s = 20;
  double seconds = 60;
  std::filesystem::path parent = ".";
  pawl::engine_options options = bench::quiet_options();
  app.add_option("--mib", mib, "Size of the state")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--checkpoints", checkpoints, "How many to compare")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--mtbf", mtbf_s, "Stated seconds between failures")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--seconds", seconds, "How long the second loop computes")->check(CLI::PositiveNumber)->capture_default_str();
  bench::add_engine_options(app, options);
  bench::add_directory_option(app, parent);
  CLI11_PARSE(app, argc, argv);
  options.window_bytes = std::size_t{4} << 30;
  options.check_codecs = false;

  const bench::fresh_directory directory(parent);
  const auto set_up = [mib](std::uint64_t) { return make_grid(mib); };
  nlohmann::ordered_json json;
  json["mib"] = mib;
  json["durability"] = bench::name_of(options.durability);
  std::optional<pawl::engine> engine(std::in_place, directory.path() / "state", options);
  {
    bench::plain_file file(directory.path() / "plain", mib << 20);
    std::vector<double> plain;
    const auto by_turns = pawl::workflow<"by_turns">(
        pawl::pure<"set_up">(set_up),
        pawl::loop<"integrate">(
            [&](grid& now) {
              compute(now);
              forget_peak();
              const auto began = steady::now();
              file.write_at(0, std::as_bytes(std::span(now.cells)));
              if (options.durability == pawl::durability::power) file.sync();
              plain.push_back(since(began));
              // Two more, for the first checkpoints make the files that the others write over.
              return plain.size() < checkpoints + 3 ? pawl::round::again : pawl::round::done;
            },
            {.every_rounds = 1})
            .discard());
    const pawl::report report = engine->run(by_turns, std::vector<std::uint64_t>{0});
    if (report.done != 1) throw std::runtime_error(pawl::to_string(report));
    const pawl::loop_report& loop = *report.step_reports.at(1).loop;
    plain.erase(plain.begin(), plain.begin() + 3);
    double plain_s = 0;
    for (const double one : plain) plain_s += one / static_cast<double>(plain.size());
    json["checkpoints"] = loop.checkpoints;
    json["plain_s"] = plain_s;
    json["plain_median_s"] = median(plain);
    json["checkpoint_s"] = loop.checkpoint_s;
    json["checkpoint_against_plain"] = loop.checkpoint_s / plain_s;
    json["peak_memory_against_state"] = static_cast<double>(peak_bytes()) / static_cast<double>(mib << 20);
  }
  const auto computing = [&](auto&& each) {
    return pawl::workflow<"computing">(
        pawl::pure<"set_up">(set_up),
        pawl::loop<"integrate">(each, {.mtbf = pawl::seconds(mtbf_s)}).discard());
  };
  {
    // In the same engine, so that it writes over the files of the first loop, as in a sweep.
    const auto began = steady::now();
    const pawl::report report = engine->run(computing([&](grid& now) {
                                              compute(now);
                                              return since(began) < seconds ? pawl::round::again : pawl::round::done;
                                            }),
                                            std::vector<std::uint64_t>{0});
    const pawl::loop_report& loop = *report.step_reports.at(1).loop;
    json["mtbf_s"] = mtbf_s;
    json["rounds"] = loop.rounds;
    json["automatic_checkpoints"] = loop.checkpoints;
    json["automatic_checkpoint_s"] = loop.checkpoint_s;
    json["interval_s"] = loop.interval_s;
    json["predicted_overhead"] = loop.predicted_overhead;
    json["measured_overhead"] = loop.measured_overhead;
    json["measured_against_predicted"] = loop.predicted_overhead > 0 ? loop.measured_overhead / loop.predicted_overhead : 0;
  }
  {
    engine->run(computing([&](grid& now) {
                  compute(now);
                  engine->stop();
                  return pawl::round::again;
                }),
                std::vector<std::uint64_t>{1});
    engine.emplace(directory.path() / "state", options);
    const auto began = steady::now();
    double resumed_s = 0;
    const pawl::report report = engine->run(computing([&](grid&) {
                                              resumed_s = since(began);
                                              return pawl::round::done;
                                            }),
                                            std::vector<std::uint64_t>{1});
    json["rounds_saved"] = report.step_reports.at(1).loop->rounds_saved;
    json["resumed_after_s"] = resumed_s;
  }
  engine.reset();
  std::cout << json.dump() << '\n';
  return 0;
} catch (const std::exception& failure) {
  std::cerr << "loop: " << failure.what() << '\n';
  return 1;
}
