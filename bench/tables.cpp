// Transactional steps against LMDB alone: the orders of workflows/orders, booked by
// pawl, and the same gets and puts by a plain loop over LMDB, full sync, in batches
// as large as pawl's were.
//
//   build/bench/tables --items 500000
//
// The plain loop keeps no record of what is done. Rounds take turns; prints one JSON
// object with the median of the ratios.
#include "overhead/lmdb_file.hpp"
#include "support/engine_options.hpp"
#include "support/fresh_directory.hpp"

#include "../workflows/orders/orders.hpp"

#include <CLI/CLI.hpp>
#include <lmdb.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <vector>

namespace {

using bench::check_lmdb;

double seconds_since(std::chrono::steady_clock::time_point began) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

struct booked {
  double seconds = 0;
  std::uint64_t batch = 0;   // items in a commit of LMDB, on average
  std::int64_t total = 0;    // of all balances, cents
  std::uint64_t entries = 0; // of the ledger
};

std::uint64_t commits_of(const std::filesystem::path& state) {
  MDB_env* env = nullptr;
  check_lmdb(mdb_env_create(&env), "make an environment");
  const std::unique_ptr<MDB_env, decltype(&mdb_env_close)> closing(env, &mdb_env_close);
  check_lmdb(mdb_env_open(env, (state / "data.mdb").c_str(), MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK, 0), "open a state");
  MDB_envinfo info{};
  check_lmdb(mdb_env_info(env, &info), "ask for its commits");
  return info.me_last_txnid;
}

booked book_with_pawl(const std::filesystem::path& state, const pawl::engine_options& options, std::uint64_t items) {
  booked made;
  const auto booking = orders::booking();
  {
    pawl::engine engine(state, options);
    const auto began = std::chrono::steady_clock::now();
    if (engine.run(booking, orders::numbers_up_to(items)).done != items) throw std::runtime_error("not all orders are booked");
    made.seconds = seconds_since(began);
  }
  made.batch = std::max<std::uint64_t>(1, items / std::max<std::uint64_t>(1, commits_of(state)));
  pawl::engine engine(state, options);
  const pawl::table_view view = engine.view();
  for (const auto& [account, cents] : view.scan(orders::accounts)) made.total += cents;
  for ([[maybe_unused]] const auto& one : view.scan(orders::ledger)) ++made.entries;
  return made;
}

class plain_tables {
public:
  explicit plain_tables(const std::filesystem::path& directory) {
    std::filesystem::create_directory(directory);
    check_lmdb(mdb_env_create(&env_), "make an environment");
    check_lmdb(mdb_env_set_mapsize(env_, std::size_t{1} << 36), "size it");
    check_lmdb(mdb_env_set_maxdbs(env_, 2), "let it have two tables");
    check_lmdb(mdb_env_open(env_, directory.c_str(), 0, 0600), "open it");
    check_lmdb(mdb_txn_begin(env_, nullptr, 0, &txn_), "begin");
    check_lmdb(mdb_dbi_open(txn_, "accounts", MDB_CREATE, &accounts_), "make a table");
    check_lmdb(mdb_dbi_open(txn_, "ledger", MDB_CREATE, &ledger_), "make a table");
    commit();
  }
  ~plain_tables() { mdb_env_close(env_); }
  plain_tables(const plain_tables&) = delete;
  plain_tables& operator=(const plain_tables&) = delete;

  void begin() { check_lmdb(mdb_txn_begin(env_, nullptr, 0, &txn_), "begin"); }
  void commit() { check_lmdb(mdb_txn_commit(txn_), "commit"); }
  void book(const orders::order& what) {
    change(what.from, -what.cents);
    change(what.to, what.cents);
    std::uint64_t number = __builtin_bswap64(what.number);
    orders::order entry = what;
    MDB_val key{sizeof number, &number};
    MDB_val value{sizeof entry, &entry};
    check_lmdb(mdb_put(txn_, ledger_, &key, &value, 0), "put an entry");
  }
  booked count() {
    booked made;
    check_lmdb(mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn_), "begin");
    for (std::uint32_t account = 0; account < orders::account_count; ++account) {
      std::int64_t cents = 0;
      if (find(account, cents)) made.total += cents;
    }
    MDB_stat stat{};
    check_lmdb(mdb_stat(txn_, ledger_, &stat), "count");
    made.entries = stat.ms_entries;
    mdb_txn_abort(txn_);
    return made;
  }

private:
  bool find(std::uint32_t account, std::int64_t& cents) {
    std::uint32_t number = __builtin_bswap32(account);
    MDB_val key{sizeof number, &number};
    MDB_val value{};
    const int found = mdb_get(txn_, accounts_, &key, &value);
    if (found == MDB_NOTFOUND) return false;
    check_lmdb(found, "get a balance");
    std::memcpy(&cents, value.mv_data, sizeof cents);
    return true;
  }
  void change(std::uint32_t account, std::int64_t by) {
    std::int64_t cents = orders::opening_cents;
    find(account, cents);
    cents += by;
    std::uint32_t number = __builtin_bswap32(account);
    MDB_val key{sizeof number, &number};
    MDB_val value{sizeof cents, &cents};
    check_lmdb(mdb_put(txn_, accounts_, &key, &value, 0), "put a balance");
  }

  MDB_env* env_ = nullptr;
  MDB_txn* txn_ = nullptr;
  MDB_dbi accounts_ = 0;
  MDB_dbi ledger_ = 0;
};

booked book_with_lmdb(const std::filesystem::path& directory, std::uint64_t items, std::uint64_t batch) {
  plain_tables tables(directory);
  const auto began = std::chrono::steady_clock::now();
  for (std::uint64_t next = 0; next < items;) {
    tables.begin();
    for (const std::uint64_t end = std::min(items, next + batch); next < end; ++next) tables.book(orders::order_of(next));
    tables.commit();
  }
  const double seconds = seconds_since(began);
  booked made = tables.count();
  made.seconds = seconds;
  made.batch = batch;
  return made;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"Transactional steps against LMDB alone"};
  std::uint64_t items = 500'000;
  int rounds = 5;
  std::filesystem::path parent = ".";
  pawl::engine_options options = bench::quiet_options();
  options.workers = 2;
  options.window_items = 8192;
  app.add_option("--items", items, "How many orders are booked")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--rounds", rounds, "How often, in turn")->check(CLI::PositiveNumber)->capture_default_str();
  bench::add_engine_options(app, options);
  bench::add_directory_option(app, parent);
  CLI11_PARSE(app, argc, argv);

  std::vector<double> pawl_rates;
  std::vector<double> lmdb_rates;
  std::vector<double> ratios;
  std::vector<double> batches;
  for (int round = 0; round < rounds; ++round) {
    const bench::fresh_directory directory(parent);
    const booked by_pawl = book_with_pawl(directory.path() / "state", options, items);
    const booked by_lmdb = book_with_lmdb(directory.path() / "plain", items, by_pawl.batch);
    if (by_pawl.total != by_lmdb.total || by_pawl.entries != by_lmdb.entries || by_pawl.entries != items)
      throw std::runtime_error("the two have not booked the same");
    const auto rate = [&](const booked& one) { return static_cast<double>(items) / one.seconds; };
    pawl_rates.push_back(rate(by_pawl));
    lmdb_rates.push_back(rate(by_lmdb));
    ratios.push_back(by_lmdb.seconds / by_pawl.seconds);
    batches.push_back(static_cast<double>(by_pawl.batch));
  }
  nlohmann::ordered_json json;
  json["items"] = items;
  json["rounds"] = rounds;
  json["workers"] = options.workers;
  json["in_flight"] = options.window_items;
  json["durability"] = bench::name_of(options.durability);
  json["batch"] = median(batches);
  json["pawl_items_per_second"] = median(pawl_rates);
  json["lmdb_items_per_second"] = median(lmdb_rates);
  json["against_lmdb"] = median(ratios);
  json["against_lmdb_least"] = *std::min_element(ratios.begin(), ratios.end());
  json["against_lmdb_most"] = *std::max_element(ratios.begin(), ratios.end());
  std::cout << json.dump() << '\n';
  return 0;
} catch (const std::exception& failure) {
  std::cerr << "tables: " << failure.what() << '\n';
  return 1;
}
