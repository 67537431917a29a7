// The table that both SQLite peers keep, and one connection to it: one row for
// each item, by its integer primary key, through prepared statements.
#pragma once

#include "overhead/blocking_threads.hpp"

#include <sqlite3.h>

#include <cstdint>
#include <memory>

namespace bench {

// Makes the database in the (fresh) directory of the workload. WAL: one flush of the log for each transaction where
// power loss is to be survived (synchronous=FULL), none otherwise (NORMAL: a power loss loses, but corrupts
// nothing). One thread at a time. Throws std::runtime_error with SQLite's words.
class sqlite_table {
public:
  explicit sqlite_table(const workload& work);

  void begin() { step(begin_.get()); }
  void put(const record& one);
  void commit() { step(commit_.get()); }

  // hash_of, summed over all rows.
  [[nodiscard]] std::uint64_t hash() const;

private:
  struct close {
    void operator()(sqlite3* db) const noexcept { sqlite3_close(db); }
    void operator()(sqlite3_stmt* one) const noexcept { sqlite3_finalize(one); }
  };
  using statement = std::unique_ptr<sqlite3_stmt, close>;

  void check(int status, int wanted) const;
  void run(const char* sql) const;
  [[nodiscard]] statement prepare(const char* sql) const;
  void step(sqlite3_stmt* one) const;

  std::unique_ptr<sqlite3, close> db_;
  statement begin_;
  statement put_;
  statement commit_;
};

}  // namespace bench
