// Millions of items through no-op steps: does memory stay flat, and what does a
// run cost that finds everything done?
//
//   build/bench/many_items --items 2000000
//
// The items come from a generator and carry nothing but a number, so what grows
// is the engine's own. Anonymous memory (heap and stacks; LMDB's mapped pages do
// not count) is noted at ten points of the first run. Then the engine is closed,
// a new one opened, and the same items given to it again. Prints one JSON object.
#include "support/fresh_directory.hpp"
#include "support/process.hpp"

#include <pawl/pawl.hpp>

#include <spdlog/logger.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

namespace {

constexpr std::uint64_t points = 10;

double megabytes(std::uint64_t bytes) { return static_cast<double>(bytes) / 1e6; }

pawl::workflow_of<std::uint64_t, std::uint64_t> three_no_ops() {
  const auto same = [](const std::uint64_t& number) { return number; };
  return pawl::workflow<"many_items">(pawl::step<"read">(same), pawl::step<"transform">(same),
                                      pawl::step<"write">(same));
}

// One run of a new engine; the highest anonymous memory in each tenth of it goes to `memory`, in bytes.
pawl::report run(const std::filesystem::path& state, const pawl::engine_options& options, std::uint64_t items,
                 std::vector<std::uint64_t>& memory) {
  const auto workflow = three_no_ops();
  pawl::engine engine{state, options};
  bench::memory_watch watch;
  std::uint64_t next = 0;
  const auto source = [&]() -> std::optional<std::uint64_t> {
    if (next != 0 && next % (items / points) == 0) memory.push_back(watch.take_peak());
    if (next == items) return std::nullopt;
    return next++;
  };
  pawl::report report = engine.run(workflow, pawl::generate(source, items));
  memory.push_back(watch.take_peak());
  if (report.done != items) throw std::runtime_error("pawl did not finish all items:\n" + pawl::to_string(report));
  return report;
}

nlohmann::ordered_json describe(const pawl::report& report, const std::vector<std::uint64_t>& memory) {
  nlohmann::ordered_json json;
  json["seconds"] = report.seconds;
  json["items_per_second"] = report.items_per_second();
  json["flushes"] = report.commits;
  for (const std::uint64_t bytes : memory) json["anon_mb"].push_back(megabytes(bytes));
  return json;
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"Memory and speed over many items, and of a second run over the same"};
  std::uint64_t items = 2'000'000;
  std::filesystem::path parent = ".";
  pawl::engine_options options;
  options.workers = 1;
  bool ignored = false;
  app.add_option("--items", items, "Items")->check(CLI::Range(points, std::uint64_t{1} << 40))->capture_default_str();
  app.add_option("--workers", options.workers, "Threads that call steps")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--in-flight", options.window_items, "Items begun and not done")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--dir", parent, "Where to work: a directory on the disk to be measured")
      ->check(CLI::ExistingDirectory);
  app.add_flag("--json", ignored, "One JSON object on one line, as ever");
  CLI11_PARSE(app, argc, argv);
  options.logger = std::make_shared<spdlog::logger>("many_items");  // without sinks: nothing but JSON is printed

  const bench::fresh_directory directory(parent);
  std::vector<std::uint64_t> first_memory;
  std::vector<std::uint64_t> second_memory;
  const pawl::report first = run(directory.path() / "many.pawl", options, items, first_memory);
  const pawl::report second = run(directory.path() / "many.pawl", options, items, second_memory);
  if (second.settled_before != items || second.steps != 0)
    throw std::runtime_error("the second run found something to do:\n" + pawl::to_string(second));

  nlohmann::ordered_json json;
  json["items"] = items;
  json["steps"] = 3;
  json["in_flight"] = options.window_items;
  json["workers"] = options.workers;
  json["first_run"] = describe(first, first_memory);
  json["second_run"] = describe(second, second_memory);
  std::cout << json.dump() << '\n';
  return 0;
} catch (const std::exception& failure) {
  std::cerr << "many_items: " << failure.what() << '\n';
  return 1;
}
