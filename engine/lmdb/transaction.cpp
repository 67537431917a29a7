#include "lmdb/transaction.hpp"

#include "store/crc32c.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace pawl::core {
namespace {

constexpr int settling_tries_max = 100;
constexpr std::size_t page_header_size = 16;
constexpr std::uint32_t pages_of_a_value_max = 1 << 14;
constexpr std::size_t sum_size = sizeof(std::uint32_t);

std::uint32_t record_sum(std::span<const std::byte> key, std::span<const std::byte> body) noexcept {
  return crc32c(body, crc32c(key));
}

}  // namespace

// The one kind that is longer than a page (layout.hpp: schemas) begins behind the header of its first
// page, the last field of which says how many pages there are.
void transaction::check_long_value(std::span<const std::byte> bytes) const {
  const std::size_t page = env_.page_size();
  std::uint32_t pages = 0;
  const bool behind_header = writes_ || reinterpret_cast<std::uintptr_t>(bytes.data()) % page == page_header_size;
  if (behind_header) std::memcpy(&pages, bytes.data() - sizeof pages, sizeof pages);
  if (pages == 0 || pages > pages_of_a_value_max || bytes.size() > pages * page - page_header_size)
    throw error(errc::damaged, "lmdb: a page of " + (env_.state() / "data.mdb").string() +
                                   " is damaged; run `pawl verify` on the state or restore a backup");
}

std::optional<std::span<const std::byte>> transaction::get(MDB_dbi from, std::span<const std::byte> key) const {
  MDB_val name = to_lmdb(key);
  MDB_val value{};
  const int status = ::mdb_get(txn_, from, &name, &value);
  if (status == MDB_NOTFOUND) return std::nullopt;
  env_.check(status, "read");
  return view(value);
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

read_transaction::read_transaction(const environment& env) : transaction(env, false) {
  env.check_process();
  env.check(::mdb_txn_begin(env.handle(), nullptr, MDB_RDONLY, &txn_), "begin to read");
  renew_until_settled();
}

read_transaction::~read_transaction() {
  if (env_.is_own_process()) ::mdb_txn_abort(txn_);  // in a fork's child it would free the parent's slot
}

void read_transaction::reset() noexcept {
  if (env_.is_own_process()) ::mdb_txn_reset(txn_);
}

void read_transaction::renew() {
  env_.check_process();
  ::mdb_txn_reset(txn_);
  env_.check(::mdb_txn_renew(txn_), "begin to read");
  renew_until_settled();
}

// LMDB notes the number of the last commit, N, and then copies the meta page N & 1. A thread that is
// held up in between for two commits finds the page of commit N + 2 there, perhaps while it is still
// being flushed: it would see what may yet be lost, and at its next renewal less than now. So look
// again where the newest page is not N's or its successor's.
void read_transaction::renew_until_settled() {
  for (int left = settling_tries_max; left > 0; --left) {
    MDB_envinfo info{};
    env_.check(::mdb_env_info(env_.handle(), &info), "begin to read");
    if (info.me_last_txnid <= ::mdb_txn_id(txn_) + 1) return;
    ::mdb_txn_reset(txn_);
    env_.check(::mdb_txn_renew(txn_), "begin to read");
  }
}

write_transaction::write_transaction(const environment& env) : transaction(env, true) {
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

void write_transaction::commit(std::string_view doing, std::uint64_t pages) {
  env_.reach_over(pages);
  env_.check_commit(::mdb_txn_commit(std::exchange(txn_, nullptr)), doing, pages);
}

read_cursor::read_cursor(const read_transaction& txn, MDB_dbi in) : txn_(txn) {
  txn.env().check(::mdb_cursor_open(txn.handle(), in, &cursor_), "read");
}

read_cursor::~read_cursor() {
  if (txn_.env().is_own_process()) ::mdb_cursor_close(cursor_);
}

bool read_cursor::move(MDB_cursor_op how, std::span<const std::byte>& key, std::span<const std::byte>& value) {
  MDB_val name = to_lmdb(key);
  MDB_val content{};
  const int status = ::mdb_cursor_get(cursor_, &name, &content, how);
  if (status == MDB_NOTFOUND) return false;
  txn_.env().check(status, "read");
  key = txn_.view(name);
  value = txn_.view(content);
  return true;
}

void read_cursor::renew() { txn_.env().check(::mdb_cursor_renew(txn_.handle(), cursor_), "read"); }

}  // namespace pawl::core
