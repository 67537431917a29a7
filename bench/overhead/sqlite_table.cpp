#include "overhead/sqlite_table.hpp"

#include <stdexcept>
#include <string>

namespace bench {

sqlite_table::sqlite_table(const workload& work) {
  sqlite3* opened = nullptr;
  const int status = sqlite3_open_v2((work.directory / "rows.db").c_str(), &opened,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  db_.reset(opened);
  check(status, SQLITE_OK);
  // EXCLUSIVE keeps the index of the log in memory: no other process needs it.
  run("PRAGMA locking_mode = EXCLUSIVE");
  run("PRAGMA journal_mode = WAL");
  run(work.durability == durability::power ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
  run("PRAGMA cache_size = -65536");
  run("CREATE TABLE item (key INTEGER PRIMARY KEY, step INTEGER NOT NULL, result BLOB NOT NULL)");
  begin_ = prepare("BEGIN IMMEDIATE");
  put_ = prepare("INSERT OR REPLACE INTO item VALUES (?1, ?2, ?3)");
  commit_ = prepare("COMMIT");
}

void sqlite_table::put(const record& one) {
  sqlite3_bind_int64(put_.get(), 1, static_cast<sqlite3_int64>(one.key));
  sqlite3_bind_int(put_.get(), 2, static_cast<int>(one.step));
  sqlite3_bind_blob64(put_.get(), 3, one.result.data(), one.result.size(), SQLITE_STATIC);
  step(put_.get());
}

std::uint64_t sqlite_table::hash() const {
  std::uint64_t sum = 0;
  const statement all = prepare("SELECT key, result FROM item");
  while (sqlite3_step(all.get()) == SQLITE_ROW) {
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(all.get(), 1));
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(all.get(), 1));
    sum += hash_of(static_cast<std::uint64_t>(sqlite3_column_int64(all.get(), 0)), {bytes, size});
  }
  return sum;
}

void sqlite_table::check(int status, int wanted) const {
  if (status != wanted) throw std::runtime_error(std::string("sqlite: ") + sqlite3_errmsg(db_.get()));
}

void sqlite_table::run(const char* sql) const {
  check(sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr), SQLITE_OK);
}

sqlite_table::statement sqlite_table::prepare(const char* sql) const {
  sqlite3_stmt* made = nullptr;
  check(sqlite3_prepare_v3(db_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &made, nullptr), SQLITE_OK);
  return statement(made);
}

void sqlite_table::step(sqlite3_stmt* one) const {
  const int status = sqlite3_step(one);
  sqlite3_reset(one);
  check(status, SQLITE_DONE);
}

}  // namespace bench
