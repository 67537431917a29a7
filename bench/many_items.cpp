// Millions of items through no-op steps: does memory stay flat, and what does a
// run cost that finds everything done?
//
//   build/bench/many_items --items 20000000 --shuffle
//
// The items come from a generator and carry nothing but a number, so what grows
// is the engine's own. Anonymous memory (heap and stacks; LMDB's mapped pages do
// not count) is noted at ten points of each run. Then the engine is closed, a new
// one opened, and the same items given to it again in the same order; with
// --shuffle once more, in random order. Prints one JSON object.
#include "support/engine_options.hpp"
#include "support/fresh_directory.hpp"
#include "support/process.hpp"
#include "support/shuffled.hpp"

#include <pawl/pawl.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <functional>
#include <iostream>
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

struct outcome {
  pawl::report report;
  std::vector<std::uint64_t> memory;  // the highest in each tenth of the run, bytes
};

// One run of a new engine over `items` keys, the n-th of which is key_at(n).
template <class KeyAt>
outcome run(const std::filesystem::path& state, const pawl::engine_options& options, std::uint64_t items,
            const KeyAt& key_at) {
  const auto workflow = three_no_ops();
  pawl::engine engine{state, options};
  outcome found;
  bench::memory_watch watch;
  std::uint64_t next = 0;
  const auto source = [&]() -> std::optional<std::uint64_t> {
    if (next != 0 && next % (items / points) == 0) found.memory.push_back(watch.take_peak());
    if (next == items) return std::nullopt;
    return key_at(next++);
  };
  found.report = engine.run(workflow, pawl::generate(source, items));
  found.memory.push_back(watch.take_peak());
  if (found.report.done != items)
    throw std::runtime_error("pawl did not finish all items:\n" + pawl::to_string(found.report));
  return found;
}

void must_have_found_all_done(const outcome& found) {
  if (found.report.settled_before != found.report.items || found.report.steps != 0)
    throw std::runtime_error("a further run found something to do:\n" + pawl::to_string(found.report));
}

nlohmann::ordered_json describe(const outcome& found) {
  nlohmann::ordered_json json;
  json["seconds"] = found.report.seconds;
  json["items_per_second"] = found.report.items_per_second();
  json["flushes"] = found.report.commits;
  for (const std::uint64_t bytes : found.memory) json["anon_mb"].push_back(megabytes(bytes));
  return json;
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"Memory and speed over many items, and of further runs over the same"};
  std::uint64_t items = 2'000'000;
  std::filesystem::path parent = ".";
  pawl::engine_options options = bench::quiet_options();
  bool shuffle = false;
  app.add_option("--items", items, "Items")->check(CLI::Range(points, std::uint64_t{1} << 40))->capture_default_str();
  app.add_flag("--shuffle", shuffle, "A third run gets the items in random order");
  bench::add_engine_options(app, options);
  bench::add_directory_option(app, parent);
  CLI11_PARSE(app, argc, argv);

  const bench::fresh_directory directory(parent);
  const std::filesystem::path state = directory.path() / "many.pawl";
  const auto in_order = [](std::uint64_t place) { return place; };

  nlohmann::ordered_json json;
  json["items"] = items;
  json["steps"] = 3;
  json["in_flight"] = options.window_items;
  json["workers"] = options.workers;
  json["durability"] = bench::name_of(options.durability);
  json["first_run"] = describe(run(state, options, items, in_order));
  const outcome second = run(state, options, items, in_order);
  must_have_found_all_done(second);
  json["second_run"] = describe(second);
  if (shuffle) {
    const outcome shuffled = run(state, options, items, bench::shuffled(items));
    must_have_found_all_done(shuffled);
    json["shuffled_run"] = describe(shuffled);
  }
  std::cout << json.dump() << '\n';
  return 0;
} catch (const std::exception& failure) {
  std::cerr << "many_items: " << failure.what() << '\n';
  return 1;
}
