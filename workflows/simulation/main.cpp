// simulation: heat on a plate, for a sweep of parameters. Each run is one item:
//
//   set up  ->  a loop, whose state is checkpointed as often as pays  ->  summary and picture
//
//   simulation [--size N] [--rounds N] [--runs N] [--state DIR] [--out DIR] [--mtbf SECONDS] [--workers N]
//
// Kill it at any moment and run it again: finished runs stay, the others go on from
// their last checkpoint. The digest in the last line is of the bits of all final
// fields: the same however often it was killed.
//
// Exit codes: 0 done; 1 some runs failed; 2 wrong usage, or it cannot run at all;
// 3 stopped by a signal, run it again to go on.
#include "heat.hpp"
#include "picture.hpp"

#include <pawl/pawl.hpp>

#include <CLI/CLI.hpp>

#include <cstdint>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <map>
#include <optional>
#include <string>

namespace {

struct parameters {
  std::uint32_t number = 0;
  std::uint32_t size = 0;
  std::uint64_t rounds = 0;
};

struct summary {
  std::uint32_t number = 0;
  double time = 0;
  double error = 0;
  std::uint64_t digest = 0;
};

auto simulation(const std::filesystem::path& out, pawl::seconds mtbf) {
  return pawl::workflow<"simulation">(
             pawl::pure<"set_up">([](const parameters& run) { return heat::begin(run.size, run.number); }),

             pawl::loop<"integrate">(
                 [](heat::plate& now, pawl::item<parameters> run, pawl::context& ctx) {
                   heat::advance(now);
                   ctx.progress(static_cast<double>(now.steps) / static_cast<double>(run->rounds));
                   return now.steps < run->rounds ? pawl::round::again : pawl::round::done;
                 },
                 {.mtbf = mtbf}),

             pawl::step<"summary">([out](const heat::plate& end, pawl::item<parameters> run) {
               picture::write_png(out / ("run-" + std::to_string(run->number) + ".png"), end.cells, end.size);
               return summary{run->number, end.step_s * static_cast<double>(end.steps), heat::error_of(end),
                              heat::digest_of(end)};
             }))
      .key(&parameters::number);
}

struct arguments {
  std::uint32_t size = 256;
  std::uint64_t rounds = 20'000;
  std::uint32_t runs = 4;
  std::string state = "simulation.pawl";
  std::string out = ".";
  double mtbf_s = 60;
  std::size_t workers = 0;
};

// One line for each run, and one digest over all of them, by number.
void print_results(const std::map<std::uint32_t, summary>& all) {
  std::uint64_t sum = 0xcbf29ce484222325;
  for (const auto& [number, one] : all) {
    std::cout << "run " << number << ": t = " << one.time << ", error " << one.error << " against the known solution\n";
    for (int byte = 0; byte < 8; ++byte) sum = (sum ^ (one.digest >> (8 * byte) & 0xff)) * 0x100000001b3;
  }
  std::cout << "digest " << std::hex << std::setw(16) << std::setfill('0') << sum << std::dec << '\n';
}

int simulate(const arguments& given) {
  std::filesystem::create_directories(given.out);
  const auto workflow = simulation(given.out, pawl::seconds(given.mtbf_s));
  pawl::engine engine{given.state, {.workers = given.workers}};
  auto runs = pawl::generate([number = std::uint32_t{0}, &given]() mutable -> std::optional<parameters> {
    if (number == given.runs) return std::nullopt;
    return parameters{number++, given.size, given.rounds};
  });
  const pawl::report report = engine.run(workflow, runs, {.stop_on_signals = true, .progress = pawl::progress_bar{}});
  std::cout << report << '\n';
  if (report.stopped) return 3;
  if (report.failed != 0) return 1;
  std::map<std::uint32_t, summary> all;
  for (std::uint32_t number = 0; number < given.runs; ++number)
    if (const auto one = engine.result(workflow, number)) all[number] = *one;
  print_results(all);
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  arguments given;
  CLI::App app{"Heat on a plate, for a sweep of parameters; kill it and run it again, it goes on."};
  app.add_option("--size", given.size, "points along each side")->check(CLI::Range(1u, 20'000u))->capture_default_str();
  app.add_option("--rounds", given.rounds, "steps of time")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--runs", given.runs, "how many parameters")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--state", given.state, "where the engine records what is done")->capture_default_str();
  app.add_option("--out", given.out, "folder for the pictures")->capture_default_str();
  app.add_option("--mtbf", given.mtbf_s, "seconds between failures that are to be expected")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--workers", given.workers, "runs at the same time; 0: one per core")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return simulate(given);
} catch (const std::exception& error) {
  std::cerr << "simulation: " << error.what() << '\n';
  return 2;
}
