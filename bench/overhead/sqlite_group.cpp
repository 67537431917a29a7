// The peer `sqlite-group`: group commit into SQLite, written by hand.
//
// WAL with synchronous=FULL: one flush of the log for each group. One row for
// each item, by its integer primary key; one prepared statement for all.
#include "overhead/group_commit.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace bench {
namespace {

class sqlite_rows final : public group_store {
public:
  explicit sqlite_rows(const std::filesystem::path& directory) {
    sqlite3* opened = nullptr;
    const int status = sqlite3_open_v2((directory / "rows.db").c_str(), &opened,
                                       SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
    db_.reset(opened);
    check(status, SQLITE_OK);
    // EXCLUSIVE keeps the index of the log in memory: no other process needs it.
    run("PRAGMA locking_mode = EXCLUSIVE");
    run("PRAGMA journal_mode = WAL");
    run("PRAGMA synchronous = FULL");
    run("PRAGMA cache_size = -65536");
    run("CREATE TABLE item (key INTEGER PRIMARY KEY, step INTEGER NOT NULL, result BLOB NOT NULL)");
    begin_ = prepare("BEGIN IMMEDIATE");
    put_ = prepare("INSERT OR REPLACE INTO item VALUES (?1, ?2, ?3)");
    commit_ = prepare("COMMIT");
  }

  void write(std::span<const record> group) override {
    sorted_.assign(group.begin(), group.end());
    std::sort(sorted_.begin(), sorted_.end(), [](const record& a, const record& b) { return a.key < b.key; });
    step(begin_.get());
    for (const record& one : sorted_) {
      sqlite3_bind_int64(put_.get(), 1, static_cast<sqlite3_int64>(one.key));
      sqlite3_bind_int(put_.get(), 2, static_cast<int>(one.step));
      sqlite3_bind_blob64(put_.get(), 3, one.result.data(), one.result.size(), SQLITE_STATIC);
      step(put_.get());
    }
    step(commit_.get());
  }

  std::uint64_t hash() override {
    std::uint64_t sum = 0;
    const statement all = prepare("SELECT key, result FROM item");
    while (sqlite3_step(all.get()) == SQLITE_ROW) {
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(all.get(), 1));
      const auto* bytes = static_cast<const char*>(sqlite3_column_blob(all.get(), 1));
      sum += hash_of(static_cast<std::uint64_t>(sqlite3_column_int64(all.get(), 0)), {bytes, size});
    }
    return sum;
  }

private:
  struct close {
    void operator()(sqlite3* db) const noexcept { sqlite3_close(db); }
    void operator()(sqlite3_stmt* one) const noexcept { sqlite3_finalize(one); }
  };
  using statement = std::unique_ptr<sqlite3_stmt, close>;

  void check(int status, int wanted) const {
    if (status != wanted) throw std::runtime_error(std::string("sqlite: ") + sqlite3_errmsg(db_.get()));
  }
  void run(const char* sql) const { check(sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr), SQLITE_OK); }
  [[nodiscard]] statement prepare(const char* sql) const {
    sqlite3_stmt* made = nullptr;
    check(sqlite3_prepare_v3(db_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &made, nullptr), SQLITE_OK);
    return statement(made);
  }
  void step(sqlite3_stmt* one) const {
    const int status = sqlite3_step(one);
    sqlite3_reset(one);
    check(status, SQLITE_DONE);
  }

  std::unique_ptr<sqlite3, close> db_;
  statement begin_;
  statement put_;
  statement commit_;
  std::vector<record> sorted_;
};

}  // namespace

measurement measure_sqlite_group(const workload& work) {
  sqlite_rows rows(work.directory);
  return measure_group_commit(work, rows);
}

}  // namespace bench
