// What a batch step saves where a call costs a transaction: rows written into an
// SQLite table that is synced at each commit, in one transaction for each batch,
// against one for each item.
//
//   build/bench/batch --items 200000 --single-items 5000 --max-items 1000
//
// Both go through the same engine with as many items in flight, each into a table
// of its own, over one connection. Prints one JSON object, once the rows have been
// counted: both must have written all of theirs.
#include "support/engine_options.hpp"
#include "support/fresh_directory.hpp"

#include <pawl/pawl.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <sqlite3.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>

namespace {

// A file with one table, written to with synchronous=FULL in WAL mode: one flush a commit. One thread at a time.
class rows {
public:
  explicit rows(const std::filesystem::path& path) {
    sqlite3* raw = nullptr;
    const int opened = sqlite3_open(path.c_str(), &raw);
    db_.reset(raw);
    check(opened);
    run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE rows (id INTEGER PRIMARY KEY, value TEXT)");
    sqlite3_stmt* insert = nullptr;
    check(sqlite3_prepare_v2(db_.get(), "INSERT OR REPLACE INTO rows VALUES (?, ?)", -1, &insert, nullptr));
    insert_.reset(insert);
  }
  void run(const char* statement) { check(sqlite3_exec(db_.get(), statement, nullptr, nullptr, nullptr)); }
  void insert(std::int64_t id) {
    const std::string value(100, static_cast<char>('a' + id % 26));
    check(sqlite3_bind_int64(insert_.get(), 1, id));
    check(sqlite3_bind_text(insert_.get(), 2, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT));
    if (const int stepped = sqlite3_step(insert_.get()); stepped != SQLITE_DONE) check(stepped);
    check(sqlite3_reset(insert_.get()));
  }
  [[nodiscard]] std::uint64_t count() {
    sqlite3_stmt* raw = nullptr;
    check(sqlite3_prepare_v2(db_.get(), "SELECT count(*) FROM rows", -1, &raw, nullptr));
    const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> query(raw, sqlite3_finalize);
    if (const int stepped = sqlite3_step(raw); stepped != SQLITE_ROW) check(stepped);
    return static_cast<std::uint64_t>(sqlite3_column_int64(raw, 0));
  }

private:
  void check(int code) const {
    if (code != SQLITE_OK) throw std::runtime_error(std::string("SQLite: ") + sqlite3_errmsg(db_.get()));
  }

  std::unique_ptr<sqlite3, int (*)(sqlite3*)> db_{nullptr, sqlite3_close_v2};
  std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> insert_{nullptr, sqlite3_finalize};
};

// Items a second.
template <class Workflow>
double measure(const std::filesystem::path& state, const pawl::engine_options& options, const Workflow& work,
               std::int64_t items) {
  pawl::engine engine(state, options);
  const auto began = std::chrono::steady_clock::now();
  const pawl::report made = engine.run(
      work, pawl::generate([next = std::int64_t{0}, items]() mutable -> std::optional<std::int64_t> {
        return next < items ? std::optional(next++) : std::nullopt;
      }));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  if (made.done != static_cast<std::uint64_t>(items)) throw std::runtime_error("not all items are done");
  return static_cast<double>(items) / seconds;
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"A batch step into SQLite against one transaction for each item"};
  std::int64_t items = 200'000;
  std::int64_t single_items = 5'000;
  std::uint32_t max_items = 1000;
  std::filesystem::path parent = ".";
  pawl::engine_options options = bench::quiet_options();
  app.add_option("--items", items, "How many go through the batch step")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--single-items", single_items, "How many are written one by one")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--max-items", max_items, "Of a batch")->check(CLI::PositiveNumber)->capture_default_str();
  bench::add_engine_options(app, options);
  bench::add_directory_option(app, parent);
  CLI11_PARSE(app, argc, argv);

  const bench::fresh_directory directory(parent);
  rows one_by_one(directory.path() / "single.db");
  rows together(directory.path() / "batch.db");
  std::mutex writing;
  const auto single = pawl::workflow<"single">(pawl::step<"write">([&](std::int64_t id) {
    const std::scoped_lock lock(writing);
    one_by_one.insert(id);
  }));
  const auto batch = pawl::workflow<"batch">(pawl::batch<"write">(
      [&](pawl::batch_view<std::int64_t> all) {
        const std::scoped_lock lock(writing);
        together.run("BEGIN");
        for (const auto& one : all) together.insert(one.value);
        together.run("COMMIT");
      },
      {.max_items = max_items, .max_delay = std::chrono::milliseconds(10)}));
  const double single_rate = measure(directory.path() / "single", options, single, single_items);
  const double batch_rate = measure(directory.path() / "batch", options, batch, items);
  if (one_by_one.count() != static_cast<std::uint64_t>(single_items) || together.count() != static_cast<std::uint64_t>(items))
    throw std::runtime_error("rows are missing");

  nlohmann::ordered_json json;
  json["items"] = items;
  json["single_items"] = single_items;
  json["max_items"] = max_items;
  json["workers"] = options.workers;
  json["durability"] = bench::name_of(options.durability);
  json["single_items_per_second"] = single_rate;
  json["batch_items_per_second"] = batch_rate;
  json["batch_against_single"] = batch_rate / single_rate;
  std::cout << json.dump() << '\n';
  return 0;
} catch (const std::exception& failure) {
  std::cerr << "batch: " << failure.what() << '\n';
  return 1;
}
