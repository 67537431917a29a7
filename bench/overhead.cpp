// The overhead of a durable step: pawl and its peers, one run of one of them.
//
//   build/bench/overhead --store pawl --items 300000 --steps 3 --bytes 100 --in-flight 8192 --workers 1
//
// Every store does the same steps (overhead/work.hpp) and must end with the same
// hash for the same items, steps, bytes and keys. Prints one JSON object. To
// compare, run them in turn on the same directory: bench/run.sh does.
#include "overhead/work.hpp"
#include "support/fresh_directory.hpp"
#include "support/process.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <array>
#include <filesystem>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::array stores = {
    bench::store{"pawl", bench::measure_pawl},
    bench::store{"memory", bench::measure_memory},
    bench::store{"lmdb-floor", bench::measure_lmdb_floor},
    bench::store{"lmdb-group", bench::measure_lmdb_group},
    bench::store{"sqlite-group", bench::measure_sqlite_group},
};

nlohmann::ordered_json describe(const bench::store& store, const bench::workload& work,
                                const bench::measurement& found) {
  const std::uint64_t steps = found.items * work.steps;
  const auto rate = [&](double of, double by) { return by > 0 ? of / by : 0.0; };
  nlohmann::ordered_json json;
  json["store"] = store.name;
  json["durability"] = store.name == std::string_view("memory") ? "none" : "power";
  json["items"] = found.items;
  json["steps"] = work.steps;
  json["bytes"] = work.bytes;
  json["in_flight"] = work.in_flight;
  json["workers"] = work.workers;
  json["key_order"] = work.keys == bench::key_order::ascending ? "ascending" : "random";
  json["seconds"] = found.seconds;
  json["steps_per_second"] = rate(static_cast<double>(steps), found.seconds);
  json["ns_per_step"] = rate(found.seconds * 1e9, static_cast<double>(steps));
  json["flushes"] = found.flushes;
  return json;
}

void print(const nlohmann::ordered_json& json, bool as_json) {
  if (as_json) {
    std::cout << json.dump() << '\n';
    return;
  }
  for (const auto& [name, value] : json.items()) std::cout << name << ": " << value << '\n';
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"The overhead of a durable step, of pawl and of what one would write by hand"};
  bench::workload work;
  bench::store store = stores.front();
  std::string store_name = "pawl";
  std::filesystem::path parent = ".";
  bool as_json = false;
  std::vector<std::string> names;
  for (const bench::store& one : stores) names.emplace_back(one.name);
  const std::map<std::string, bench::key_order> orders = {{"ascending", bench::key_order::ascending},
                                                          {"random", bench::key_order::random}};
  app.add_option("--store", store_name, "What keeps the steps")->check(CLI::IsMember(names))->capture_default_str();
  app.add_option("--items", work.items, "Items to take through all steps")->capture_default_str();
  app.add_option("--steps", work.steps, "Steps of an item")->check(CLI::Range(1, 64))->capture_default_str();
  app.add_option("--bytes", work.bytes, "Size of each step's result")->capture_default_str();
  app.add_option("--in-flight", work.in_flight, "Items begun and not done; for a peer, its threads")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--workers", work.workers, "Threads of pawl that call steps")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--keys", work.keys, "ascending or random")->transform(CLI::CheckedTransformer(orders));
  app.add_option("--batch", work.batch, "lmdb-floor: records in a commit (default: as many as are in flight)");
  app.add_option("--seconds-max", work.seconds_max, "Start no item after so many seconds");
  app.add_option("--dir", parent, "Where to work: a directory on the disk to be measured")
      ->check(CLI::ExistingDirectory);
  app.add_flag("--json", as_json, "One JSON object on one line");
  CLI11_PARSE(app, argc, argv);
  for (const bench::store& one : stores)
    if (one.name == store_name) store = one;

  const bench::fresh_directory directory(parent);
  work.directory = directory.path();
  bench::memory_watch memory;
  const std::uint64_t written_before = bench::bytes_written();
  const bench::measurement found = store.measure(work);
  nlohmann::ordered_json json = describe(store, work, found);
  json["bytes_written"] = bench::bytes_written() - written_before;
  json["peak_anon_mb"] = static_cast<double>(memory.peak()) / 1e6;
  json["hash"] = found.hash;
  print(json, as_json);
  return 0;
} catch (const std::exception& failure) {
  std::cerr << "overhead: " << failure.what() << '\n';
  return 1;
}
