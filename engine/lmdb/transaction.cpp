#include "lmdb/transaction.hpp"

#include "store/crc32c.hpp"

#include <cstring>
#include <string>
#include <utility>

namespace pawl::core {
namespace {

constexpr std::size_t sum_size = sizeof(std::uint32_t);

std::uint32_t record_sum(std::span<const std::byte> key, std::span<const std::byte> body) noexcept {
  return crc32c(body, crc32c(key));
}

}  // namespace

std::optional<std::span<const std::byte>> transaction::get(MDB_dbi from, std::span<const std::byte> key) const {
  MDB_val name = to_lmdb(key);
  MDB_val value{};
  const int status = ::mdb_get(txn_, from, &name, &value);
  if (status == MDB_NOTFOUND) return std::nullopt;
  env_.check(status, "read");
  return from_lmdb(value);
}

std::span<const std::byte> transaction::checked_body(std::span<const std::byte> key, std::span<const std::byte> record,
                                                     const environment& env) {
  std::uint32_t sum = 0;
  if (record.size() >= sum_size) std::memcpy(&sum, record.data(), sum_size);
  if (record.size() < sum_size || sum != record_sum(key, record.subspan(sum_size)))
    throw error(errc::damaged, "lmdb: a record about workflows in " + env.state().string() +
                                   " does not match its checksum; run `pawl verify` on it or restore a backup");
  return record.subspan(sum_size);
}

std::optional<std::span<const std::byte>> transaction::get_record(std::span<const std::byte> key) const {
  const auto record = get(env_.in().meta, key);
  if (!record) return std::nullopt;
  return checked_body(key, *record, env_);
}

read_transaction::read_transaction(const environment& env) : transaction(env) {
  env.check_process();
  env.check(::mdb_txn_begin(env.handle(), nullptr, MDB_RDONLY, &txn_), "begin to read");
}

read_transaction::~read_transaction() {
  if (env_.is_own_process()) ::mdb_txn_abort(txn_);  // in a fork's child it would free the parent's slot
}

void read_transaction::renew() {
  env_.check_process();
  ::mdb_txn_reset(txn_);
  env_.check(::mdb_txn_renew(txn_), "begin to read");
}

write_transaction::write_transaction(const environment& env) : transaction(env) {
  env.check_process();
  env.check(::mdb_txn_begin(env.handle(), nullptr, 0, &txn_), "begin to write");
}

write_transaction::~write_transaction() {
  if (txn_ != nullptr && env_.is_own_process()) ::mdb_txn_abort(txn_);
}

void write_transaction::put(MDB_dbi into, std::span<const std::byte> key, std::span<const std::byte> value) {
  MDB_val name = to_lmdb(key);
  MDB_val content = to_lmdb(value);
  env_.check(::mdb_put(txn_, into, &name, &content, 0), "write");
}

bool write_transaction::erase(MDB_dbi from, std::span<const std::byte> key) {
  MDB_val name = to_lmdb(key);
  const int status = ::mdb_del(txn_, from, &name, nullptr);
  if (status == MDB_NOTFOUND) return false;
  env_.check(status, "write");
  return true;
}

void write_transaction::put_record(std::span<const std::byte> key, std::span<const std::byte> body) {
  const std::uint32_t sum = record_sum(key, body);
  MDB_val name = to_lmdb(key);
  MDB_val room{sum_size + body.size(), nullptr};
  env_.check(::mdb_put(txn_, env_.in().meta, &name, &room, MDB_RESERVE), "write");
  std::memcpy(room.mv_data, &sum, sum_size);
  if (!body.empty()) std::memcpy(static_cast<std::byte*>(room.mv_data) + sum_size, body.data(), body.size());
}

int write_transaction::commit() noexcept { return ::mdb_txn_commit(std::exchange(txn_, nullptr)); }

read_cursor::read_cursor(const read_transaction& txn, MDB_dbi in) : env_(txn.env()) {
  env_.check(::mdb_cursor_open(txn.handle(), in, &cursor_), "read");
}

read_cursor::~read_cursor() {
  if (env_.is_own_process()) ::mdb_cursor_close(cursor_);
}

void read_cursor::renew(const read_transaction& txn) { env_.check(::mdb_cursor_renew(txn.handle(), cursor_), "read"); }

}  // namespace pawl::core
