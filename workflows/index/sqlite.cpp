#include "sqlite.hpp"

#include <stdexcept>

namespace index_sqlite {
namespace {

constexpr int patience_ms = 10'000;  // with another process that holds the database's lock

int flags_of(access how) {
  switch (how) {
    case access::create:
      return SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    case access::existing:
      return SQLITE_OPEN_READWRITE;
    case access::read_only:
      return SQLITE_OPEN_READONLY;
  }
  return SQLITE_OPEN_READONLY;
}

}  // namespace

connection::connection(const std::string& path, access how) : path_(path) {
  sqlite3* raw = nullptr;
  const int status = sqlite3_open_v2(path.c_str(), &raw, flags_of(how) | SQLITE_OPEN_NOMUTEX, nullptr);
  handle_.reset(raw);
  if (status != SQLITE_OK) fail("be opened");
  sqlite3_busy_timeout(raw, patience_ms);
}

void connection::run(const std::string& sql) {
  if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail("carry out: " + sql);
}

std::int64_t connection::number(const std::string& sql) {
  statement query(*this, sql);
  if (!query.begin().step()) throw std::runtime_error("the database " + path_ + " gave no answer to: " + sql);
  return query.number(0);
}

void connection::fail(std::string_view what) const {
  const char* why = handle_ ? sqlite3_errmsg(handle_.get()) : "out of memory";
  throw std::runtime_error("the database " + path_ + " could not " + std::string(what) + ": " + why);
}

statement::statement(connection& db, const std::string& sql) : db_(&db), handle_(nullptr, &sqlite3_finalize) {
  sqlite3_stmt* raw = nullptr;
  check(sqlite3_prepare_v2(db.get(), sql.c_str(), static_cast<int>(sql.size()), &raw, nullptr));
  handle_.reset(raw);
}

statement& statement::begin() {
  sqlite3_reset(handle_.get());  // repeats the error of the last step, which was reported then
  check(sqlite3_clear_bindings(handle_.get()));
  return *this;
}

statement& statement::bind(int at, std::int64_t value) {
  check(sqlite3_bind_int64(handle_.get(), at, value));
  return *this;
}

statement& statement::text(int at, std::string_view utf8) {
  check(sqlite3_bind_text64(handle_.get(), at, utf8.data(), utf8.size(), SQLITE_STATIC, SQLITE_UTF8));
  return *this;
}

statement& statement::bytes(int at, std::string_view bytes) {
  check(sqlite3_bind_blob64(handle_.get(), at, bytes.data(), bytes.size(), SQLITE_STATIC));
  return *this;
}

bool statement::step() {
  const int status = sqlite3_step(handle_.get());
  if (status == SQLITE_ROW) return true;
  if (status != SQLITE_DONE) {
    const std::string sql = sqlite3_sql(handle_.get());
    try {
      db_->fail("carry out: " + sql);
    } catch (...) {
      sqlite3_reset(handle_.get());  // an unfinished statement would keep the transaction from being undone
      throw;
    }
  }
  sqlite3_reset(handle_.get());
  return false;
}

void statement::execute() {
  while (step()) {
  }
}

std::int64_t statement::number(int column) const { return sqlite3_column_int64(handle_.get(), column); }

std::string_view statement::text(int column) const {
  const void* data = sqlite3_column_blob(handle_.get(), column);  // of text: its bytes as they are
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column));
  return size == 0 ? std::string_view{} : std::string_view{static_cast<const char*>(data), size};
}

void statement::check(int status) const {
  if (status != SQLITE_OK) db_->fail("prepare a statement");
}

transaction::~transaction() {
  // Not through run(): this may be on the way of an exception already, and SQLite
  // has undone the transaction by itself after some errors.
  if (open_) sqlite3_exec(db_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void transaction::commit() {
  db_.run("COMMIT");
  open_ = false;
}

}  // namespace index_sqlite
