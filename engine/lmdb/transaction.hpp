// LMDB transactions that end when they go out of scope, and what is read and
// written through them.
//
// What `get` gives dies at the next write or at the end of the transaction
// (rule 34). A write transaction belongs to the thread that began it (rule 10).
#pragma once

#include "lmdb/environment.hpp"
#include "lmdb/layout.hpp"

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace pawl::core {

[[nodiscard]] inline MDB_val to_lmdb(std::span<const std::byte> bytes) noexcept {
  return {bytes.size(), const_cast<std::byte*>(bytes.data())};
}

class transaction {
public:
  transaction(const transaction&) = delete;
  transaction& operator=(const transaction&) = delete;

  [[nodiscard]] const environment& env() const noexcept { return env_; }
  [[nodiscard]] MDB_txn* handle() const noexcept { return txn_; }
  // What LMDB says that it found. A damaged page can say any size: pawl::error(damaged) where the bytes
  // would reach beyond their page.
  [[nodiscard]] std::span<const std::byte> view(const MDB_val& found) const {
    const std::span<const std::byte> bytes{static_cast<const std::byte*>(found.mv_data), found.mv_size};
    if (!is_within_page(bytes)) [[unlikely]]
      check_long_value(bytes);
    return bytes;
  }
  [[nodiscard]] std::optional<std::span<const std::byte>> get(MDB_dbi from, std::span<const std::byte> key) const;
  // The body of a record of `meta` (layout.hpp). Throws pawl::error(damaged) where its checksum is wrong.
  [[nodiscard]] std::optional<std::span<const std::byte>> get_record(std::span<const std::byte> key) const;
  // Calls `each` with key and body of the records of `meta` whose keys begin with `prefix`, in order.
  template <class Each>
  void each_record(std::span<const std::byte> prefix, Each&& each) const;

protected:
  transaction(const environment& env, bool writes) noexcept : env_(env), writes_(writes) {}
  ~transaction() = default;
  static std::span<const std::byte> checked_body(std::span<const std::byte> key, std::span<const std::byte> record,
                                                 const environment& env);

  const environment& env_;
  MDB_txn* txn_ = nullptr;

private:
  // Pages that a write transaction has changed lie anywhere in memory: there the size alone must do.
  [[nodiscard]] bool is_within_page(std::span<const std::byte> bytes) const noexcept {
    const std::size_t page = env_.page_size();
    const std::size_t offset = writes_ ? 0 : reinterpret_cast<std::uintptr_t>(bytes.data()) % page;
    return bytes.size() <= page - offset;
  }
  void check_long_value(std::span<const std::byte> bytes) const;

  const bool writes_;
};

class read_transaction final : public transaction {
public:
  explicit read_transaction(const environment& env);
  ~read_transaction();
  // From now on sees what is committed now. Cursors must be renewed.
  void renew();
  // Until renew() it sees nothing and holds nothing back.
  void reset() noexcept;

private:
  void renew_until_settled();
};

class write_transaction final : public transaction {
public:
  explicit write_transaction(const environment& env);
  ~write_transaction();  // without commit(): nothing happened
  void put(MDB_dbi into, std::span<const std::byte> key, std::span<const std::byte> value);
  // False where there was none.
  bool erase(MDB_dbi from, std::span<const std::byte> key);
  void put_record(std::span<const std::byte> key, std::span<const std::byte> body);
  // On the disk when it returns. `doing` is for the sentence ("lmdb: cannot DOING in ..."); `pages` is how many it may
  // have written, generously. Throws pawl::error: disk_full (nothing happened, it may be tried again) or another (it may
  // have happened). The transaction has ended either way.
  void commit(std::string_view doing, std::uint64_t pages = pages_of_few_records);
  // The number that snapshots see which see this transaction.
  [[nodiscard]] std::uint64_t number() const noexcept { return ::mdb_txn_id(txn_); }
};

// A cursor of a read transaction. Those of write transactions end with them and need no owner.
class read_cursor {
public:
  read_cursor(const read_transaction& txn, MDB_dbi in);
  ~read_cursor();
  read_cursor(const read_cursor&) = delete;
  read_cursor& operator=(const read_cursor&) = delete;
  // Moves, from `key` where `how` needs one, to where `key` and `value` lie then; false where LMDB
  // finds nothing.
  bool move(MDB_cursor_op how, std::span<const std::byte>& key, std::span<const std::byte>& value);
  // After its transaction was renewed.
  void renew();

private:
  const read_transaction& txn_;
  MDB_cursor* cursor_ = nullptr;
};

template <class Each>
void transaction::each_record(std::span<const std::byte> prefix, Each&& each) const {
  MDB_cursor* cursor = nullptr;
  env_.check(::mdb_cursor_open(txn_, env_.in().meta, &cursor), "read");
  struct closer {
    MDB_cursor* open;
    ~closer() { ::mdb_cursor_close(open); }
  } const closing{cursor};
  MDB_val key = to_lmdb(prefix);
  MDB_val value{};
  int status = ::mdb_cursor_get(cursor, &key, &value, prefix.empty() ? MDB_FIRST : MDB_SET_RANGE);
  for (; status == 0; status = ::mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
    const auto name = view(key);
    if (!prefix.empty() && (name.size() < prefix.size() || std::memcmp(name.data(), prefix.data(), prefix.size()) != 0)) return;
    each(name, checked_body(name, view(value), env_));
  }
  if (status != MDB_NOTFOUND) env_.check(status, "read");
}

}  // namespace pawl::core
