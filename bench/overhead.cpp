// The overhead of a durable step: pawl and its peers, one run of one of them.
//
//   build/bench/overhead --store pawl --items 300000 --steps 3 --bytes 100 --in-flight 8192 --workers 1
//
// Every store does the same steps (overhead/work.hpp) and must end with the same
// hash for the same items, steps, bytes and keys. Prints one JSON object. To
// compare, run them in turn on the same directory: bench/run.sh does.
#ifdef BENCH_POSTGRES
#include "overhead/postgres_server.hpp"
#endif
#include "overhead/work.hpp"
#include "support/fresh_directory.hpp"
#include "support/process.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <malloc.h>

namespace {

struct store {
  std::string_view name;
  bench::measurement (*measure)(const bench::workload& work);
  std::string absent{};  // why it cannot be measured here; empty where it can
};

std::vector<store> all_stores() {
  return {
      {"pawl", bench::measure_pawl},
      {"memory", bench::measure_memory},
      {"journal-floor", bench::measure_journal_floor},
      {"lmdb-floor", bench::measure_lmdb_floor},
      {"lmdb-group", bench::measure_lmdb_group},
#ifdef BENCH_SQLITE
      {"sqlite", bench::measure_sqlite},
      {"sqlite-group", bench::measure_sqlite_group},
#else
      {"sqlite", nullptr, "SQLite's library was not there when this was configured"},
      {"sqlite-group", nullptr, "SQLite's library was not there when this was configured"},
#endif
#ifdef BENCH_ROCKSDB
      {"rocksdb", bench::measure_rocksdb},
#else
      {"rocksdb", nullptr, "RocksDB's library was not there when this was configured"},
#endif
#ifdef BENCH_POSTGRES
      {"postgres", bench::measure_postgres, bench::postgres_server::why_absent()},
#else
      {"postgres", nullptr, "PostgreSQL's library was not there when this was configured"},
#endif
  };
}

// The stores that can be measured here, and why the others cannot.
nlohmann::ordered_json describe(const std::vector<store>& stores) {
  nlohmann::ordered_json json;
  json["stores"] = nlohmann::ordered_json::array();
  json["absent"] = nlohmann::ordered_json::object();
  for (const store& one : stores) {
    if (one.absent.empty())
      json["stores"].push_back(one.name);
    else
      json["absent"][std::string(one.name)] = one.absent;
  }
  return json;
}

nlohmann::ordered_json describe(const store& what, const bench::workload& work, const bench::measurement& found) {
  const std::uint64_t steps = found.items * work.steps;
  const auto rate = [&](double of, double by) { return by > 0 ? of / by : 0.0; };
  nlohmann::ordered_json json;
  json["store"] = what.name;
  json["durability"] = what.name == "memory"                              ? "none"
                       : work.durability == bench::durability::power ? "power"
                                                                     : "process";
  json["items"] = found.items;
  json["steps"] = work.steps;
  json["bytes"] = work.bytes;
  json["in_flight"] = work.in_flight;
  json["workers"] = work.workers;
  json["key_order"] = work.keys == bench::key_order::ascending ? "ascending" : "random";
  json["seconds"] = found.seconds;
  json["steps_per_second"] = rate(static_cast<double>(steps), found.seconds);
  json["ns_per_step"] = rate(found.seconds * 1e9, static_cast<double>(steps));
  if (found.drained_seconds) {
    json["drained_seconds"] = *found.drained_seconds;
    json["drained_steps_per_second"] = rate(static_cast<double>(steps), *found.drained_seconds);
  }
  json["flushes"] = found.flushes;
  json["bytes_written"] = found.bytes_written;
  return json;
}

// What steps allocate and free stays with the process. Otherwise large results, of whatever store, are measured by how
// long the kernel takes to hand out fresh pages for each of them.
void keep_freed_memory() {
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the most that is allowed
  ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
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
  std::string store_name = "pawl";
  std::filesystem::path parent = ".";
  bool as_json = false;
  bool only_list = false;
  const std::vector<store> stores = all_stores();
  std::vector<std::string> names;
  for (const store& one : stores) names.emplace_back(one.name);
  const std::map<std::string, bench::key_order> orders = {{"ascending", bench::key_order::ascending},
                                                          {"random", bench::key_order::random}};
  const std::map<std::string, bench::durability> kinds = {{"power", bench::durability::power},
                                                          {"process", bench::durability::process}};
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
  app.add_option("--durability", work.durability, "What a step survives once the next one starts: power or process")
      ->transform(CLI::CheckedTransformer(kinds));
  app.add_option("--batch", work.batch, "The floors: steps in a group (default: as many as are in flight)");
  app.add_option("--seconds-max", work.seconds_max, "Start no item after so many seconds (0: no limit)");
  app.add_option("--dir", parent, "Where to work: a directory on the disk to be measured")
      ->check(CLI::ExistingDirectory);
  app.add_flag("--json", as_json, "One JSON object on one line");
  app.add_flag("--list", only_list, "Say which stores can be measured here, as one JSON object, and do nothing");
  CLI11_PARSE(app, argc, argv);
  if (only_list) {
    std::cout << describe(stores).dump() << '\n';
    return 0;
  }
  const store& chosen =
      *std::find_if(stores.begin(), stores.end(), [&](const store& one) { return one.name == store_name; });
  if (!chosen.absent.empty()) throw std::runtime_error(store_name + " cannot be measured here: " + chosen.absent);

  const bench::fresh_directory directory(parent);
  work.directory = directory.path();
  keep_freed_memory();
  bench::memory_watch memory;
  const bench::measurement found = chosen.measure(work);
  nlohmann::ordered_json json = describe(chosen, work, found);
  json["peak_anon_mb"] = static_cast<double>(memory.peak() + found.anonymous_memory_elsewhere) / 1e6;
  json["hash"] = found.hash;
  print(json, as_json);
  return 0;
} catch (const std::exception& failure) {
  std::cerr << "overhead: " << failure.what() << '\n';
  return 1;
}
