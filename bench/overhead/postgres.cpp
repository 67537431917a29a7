// The peer `postgres`: a table of states in a PostgreSQL of its own, a connection
// for each thread, a prepared statement for each step.
//
// An item's first step inserts its row, the others update it. What a statement's
// commit waits for is the server's default (fsync and synchronous_commit on) for
// `power`; for `process` synchronous_commit is off.
#include "overhead/blocking_threads.hpp"
#include "overhead/postgres_server.hpp"

#include <libpq-fe.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>

namespace bench {
namespace {

struct close {
  void operator()(PGconn* connection) const noexcept { ::PQfinish(connection); }
  void operator()(PGresult* result) const noexcept { ::PQclear(result); }
};
using answer = std::unique_ptr<PGresult, close>;

// Numbers go to the server and back as 8 bytes, big-endian.
std::uint64_t turned(std::uint64_t number) noexcept { return __builtin_bswap64(number); }

class connection {
public:
  explicit connection(const std::string& address) : connection_(::PQconnectdb(address.c_str())) {
    if (::PQstatus(connection_.get()) != CONNECTION_OK) fail();
  }

  answer run(const char* sql) { return checked(::PQexec(connection_.get(), sql)); }
  // The same, with an answer in binary.
  answer ask(const char* sql) {
    return checked(::PQexecParams(connection_.get(), sql, 0, nullptr, nullptr, nullptr, nullptr, 1));
  }
  void prepare(const char* name, const char* sql) { checked(::PQprepare(connection_.get(), name, sql, 0, nullptr)); }
  // A statement with the parameters key, step and result.
  void put(const char* name, const record& what) {
    const std::uint64_t key = turned(what.key);
    const std::uint64_t step = turned(what.step);
    const std::array<const char*, 3> values = {reinterpret_cast<const char*>(&key),
                                               reinterpret_cast<const char*>(&step), what.result.data()};
    const std::array<int, 3> sizes = {sizeof key, sizeof step, static_cast<int>(what.result.size())};
    constexpr std::array<int, 3> binary = {1, 1, 1};
    checked(::PQexecPrepared(connection_.get(), name, 3, values.data(), sizes.data(), binary.data(), 1));
  }

private:
  answer checked(PGresult* result) {
    answer made(result);
    const ExecStatusType status = ::PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) fail();
    return made;
  }
  [[noreturn]] void fail() const {
    throw std::runtime_error(std::string("postgres: ") + ::PQerrorMessage(connection_.get()));
  }

  std::unique_ptr<PGconn, close> connection_;
};

class member final : public step_writer {
public:
  member(const std::string& address, durability kind) : connection_(address) {
    if (kind == durability::process) connection_.run("SET synchronous_commit = off");
    connection_.prepare("first",
                        "INSERT INTO item VALUES ($1, $2, $3)"
                        " ON CONFLICT (key) DO UPDATE SET step = excluded.step, result = excluded.result");
    connection_.prepare("next", "UPDATE item SET step = $2, result = $3 WHERE key = $1");
  }
  void write(const record& what) override { connection_.put(what.step == 1 ? "first" : "next", what); }

private:
  connection connection_;
};

// Room in each page, so that an update finds a place beside the row and the index stays as it is. EXTERNAL: not
// compressed, for results of the bench compress to nothing and those of real work do not.
void make_table(connection& server) {
  server.run(
      "CREATE TABLE item (key bigint PRIMARY KEY, step bigint NOT NULL, result bytea NOT NULL)"
      " WITH (fillfactor = 40)");
  server.run("ALTER TABLE item ALTER result SET STORAGE EXTERNAL");
}

std::uint64_t flushes_so_far(connection& server) {
  const answer counted = server.run("SELECT wal_sync FROM pg_stat_wal");
  return std::stoull(::PQgetvalue(counted.get(), 0, 0));
}

std::uint64_t hash_of_all(connection& server) {
  std::uint64_t sum = 0;
  server.run("BEGIN");
  server.run("DECLARE every CURSOR FOR SELECT key, result FROM item");
  for (;;) {
    const answer some = server.ask("FETCH 1000 FROM every");
    const int rows = ::PQntuples(some.get());
    if (rows == 0) break;
    for (int row = 0; row < rows; ++row) {
      std::uint64_t key = 0;
      std::memcpy(&key, ::PQgetvalue(some.get(), row, 0), sizeof key);
      sum += hash_of(turned(key),
                     {::PQgetvalue(some.get(), row, 1), static_cast<std::size_t>(::PQgetlength(some.get(), row, 1))});
    }
  }
  server.run("COMMIT");
  return sum;
}

}  // namespace

measurement measure_postgres(const workload& work) {
  const postgres_server server(work.directory, work.in_flight + 1);
  connection own(server.address());
  make_table(own);
  const std::uint64_t flushes_before = flushes_so_far(own);
  const std::uint64_t written_before = server.bytes_written();

  measurement found =
      run_blocking_threads(work, [&] { return std::make_unique<member>(server.address(), work.durability); });
  found.bytes_written += server.bytes_written() - written_before;
  found.anonymous_memory_elsewhere = server.anonymous_memory();
  found.flushes = flushes_so_far(own) - flushes_before;
  found.hash = hash_of_all(own);
  return found;
}

}  // namespace bench
