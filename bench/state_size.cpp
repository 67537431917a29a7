// How much of the disk a done item takes: key and state, no kept result.
//
//   build/bench/state_size --items 5000000
//
// Items with text keys of 20 bytes go through three steps; the last result is
// discarded. Then the engine is closed and each sub-database of data.mdb copied
// record by record, in order, into a fresh environment, which leaves pages full:
// what a compacted state would take. Prints one JSON object.
#include "support/engine_options.hpp"
#include "support/fresh_directory.hpp"

#include <pawl/pawl.hpp>

#include <lmdb.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

void check(int status, const char* doing) {
  if (status != MDB_SUCCESS)
    throw std::runtime_error(std::string("lmdb: cannot ") + doing + ": " + mdb_strerror(status));
}

struct close_environment {
  void operator()(MDB_env* open) const noexcept { mdb_env_close(open); }
};
using environment = std::unique_ptr<MDB_env, close_environment>;

environment open_environment(const fs::path& directory, unsigned flags, std::size_t map_size) {
  MDB_env* made = nullptr;
  check(mdb_env_create(&made), "make an environment");
  environment owned(made);
  check(mdb_env_set_maxdbs(made, 64), "set the number of databases");
  check(mdb_env_set_mapsize(made, map_size), "set the size of the map");
  check(mdb_env_open(made, directory.c_str(), flags | MDB_NOTLS, 0600), "open an environment");
  return owned;
}

MDB_txn* begin(const environment& of, unsigned flags) {
  MDB_txn* txn = nullptr;
  check(mdb_txn_begin(of.get(), nullptr, flags, &txn), "begin a transaction");
  return txn;
}

// Calls each(key, value) for all records of a database, in order.
template <class Each>
void for_each(MDB_txn* txn, MDB_dbi database, Each&& each) {
  MDB_cursor* cursor = nullptr;
  check(mdb_cursor_open(txn, database, &cursor), "open a cursor");
  MDB_val key{};
  MDB_val value{};
  while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == MDB_SUCCESS) each(key, value);
  mdb_cursor_close(cursor);
}

std::vector<std::string> databases(MDB_txn* txn) {
  MDB_dbi main = 0;
  check(mdb_dbi_open(txn, nullptr, 0, &main), "open the main database");
  std::vector<std::string> names;
  for_each(txn, main, [&](const MDB_val& key, const MDB_val&) {
    names.emplace_back(static_cast<const char*>(key.mv_data), key.mv_size);
  });
  return names;
}

// One transaction for each database; records come in order, so each goes behind the last one.
void copy(const environment& from, const environment& to) {
  MDB_txn* reading = begin(from, MDB_RDONLY);
  for (const std::string& name : databases(reading)) {
    MDB_dbi source = 0;
    check(mdb_dbi_open(reading, name.c_str(), 0, &source), "open a database");
    unsigned flags = 0;
    check(mdb_dbi_flags(reading, source, &flags), "read a database's flags");
    MDB_txn* writing = begin(to, 0);
    MDB_dbi target = 0;
    check(mdb_dbi_open(writing, name.c_str(), flags | MDB_CREATE, &target), "make a database");
    for_each(reading, source, [&](MDB_val key, MDB_val value) {
      check(mdb_put(writing, target, &key, &value, MDB_APPEND), "append a record");
    });
    check(mdb_txn_commit(writing), "commit");
  }
  mdb_txn_abort(reading);
}

std::uint64_t used_bytes(const environment& of) {
  MDB_envinfo info{};
  MDB_stat stat{};
  check(mdb_env_info(of.get(), &info), "ask for the last page");
  check(mdb_env_stat(of.get(), &stat), "ask for the size of a page");
  return (info.me_last_pgno + 1) * stat.ms_psize;
}

std::string key_of(std::uint64_t number) {
  std::string digits = std::to_string(number);
  return "item-" + std::string(15 - digits.size(), '0') + digits;
}

void fill(const fs::path& state, const pawl::engine_options& options, std::uint64_t items) {
  const auto workflow =
      pawl::workflow<"state_size">(pawl::step<"read">([](const std::string& key) { return key; }),
                                   pawl::step<"transform">([](const std::string& value) { return value; }),
                                   pawl::step<"write">([](const std::string& value) { return value; }).discard());
  pawl::engine engine{state, options};
  std::uint64_t next = 0;
  const auto source = [&]() -> std::optional<std::string> {
    if (next == items) return std::nullopt;
    return key_of(next++);
  };
  const pawl::report report = engine.run(workflow, pawl::generate(source, items));
  if (report.done != items) throw std::runtime_error("pawl did not finish all items:\n" + pawl::to_string(report));
}

std::uint64_t bytes_below(const fs::path& directory) {
  std::uint64_t sum = 0;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory))
    if (entry.is_regular_file()) sum += entry.file_size();
  return sum;
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"Bytes on the disk for each done item whose result is not kept"};
  std::uint64_t items = 5'000'000;
  fs::path parent = ".";
  pawl::engine_options options = bench::quiet_options();
  app.add_option("--items", items, "Items, with keys of 20 bytes")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 40))
      ->capture_default_str();
  bench::add_engine_options(app, options);
  bench::add_directory_option(app, parent);
  CLI11_PARSE(app, argc, argv);

  const bench::fresh_directory directory(parent);
  const fs::path state = directory.path() / "size.pawl";
  fill(state, options, items);
  const std::uint64_t files = bytes_below(state);

  const fs::path compact = directory.path() / "compact";
  fs::create_directory(compact);
  const std::size_t size_max = fs::file_size(state / "data.mdb");
  const environment from = open_environment(state, MDB_RDONLY | MDB_NOLOCK, size_max);
  // Room for pages of its own that a database of a few records takes.
  const environment to = open_environment(compact, MDB_NOSYNC, size_max + (std::size_t{64} << 20));
  const std::uint64_t used = used_bytes(from);
  copy(from, to);

  const auto each = [&](std::uint64_t bytes) { return static_cast<double>(bytes) / static_cast<double>(items); };
  nlohmann::ordered_json json;
  json["items"] = items;
  json["key_bytes"] = key_of(0).size();
  json["files_bytes_per_item"] = each(files);
  json["used_bytes_per_item"] = each(used);
  json["compacted_bytes_per_item"] = each(used_bytes(to));
  std::cout << json.dump() << '\n';
  return 0;
} catch (const std::exception& failure) {
  std::cerr << "state_size: " << failure.what() << '\n';
  return 1;
}
