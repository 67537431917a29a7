// A thin, owning layer over SQLite: every handle is released, every failure is a
// std::runtime_error that says what was tried, on which database, and why not.
//
// Knows nothing of what is stored.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace index_sqlite {

enum class access { create, existing, read_only };

class connection {
public:
  connection(const std::string& path, access how);
  void run(const std::string& sql);
  [[nodiscard]] std::int64_t number(const std::string& sql);  // the first value of the first row
  [[nodiscard]] sqlite3* get() const { return handle_.get(); }
  [[noreturn]] void fail(std::string_view what) const;

private:
  std::string path_;
  std::unique_ptr<sqlite3, decltype(&sqlite3_close)> handle_{nullptr, &sqlite3_close};
};

// A prepared statement, to be bound and stepped again and again. Bound text and
// bytes must live until the statement is stepped for the last time.
class statement {
public:
  statement(connection& db, const std::string& sql);
  // Starts anew with no values bound.
  statement& begin();
  statement& bind(int at, std::int64_t value);
  statement& text(int at, std::string_view utf8);
  statement& bytes(int at, std::string_view bytes);
  // True where there is a row; then values can be asked for.
  bool step();
  // For statements without rows: begin, bind, then this.
  void execute();

  [[nodiscard]] std::int64_t number(int column) const;
  [[nodiscard]] std::string_view text(int column) const;  // also of bytes; lives until the next step

private:
  void check(int status) const;

  connection* db_;
  std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)> handle_;
};

// All or nothing: rolls back unless committed.
class transaction {
public:
  explicit transaction(connection& db) : db_(db) { db_.run("BEGIN IMMEDIATE"); }
  transaction(const transaction&) = delete;
  transaction& operator=(const transaction&) = delete;
  ~transaction();
  void commit();

private:
  connection& db_;
  bool open_ = true;
};

}  // namespace index_sqlite
