#include "lmdb/new_keys.hpp"

#include <algorithm>
#include <string>

namespace pawl::core {

bool new_keys::add(const new_key& fresh) {
  const bool behind = keys_.empty() || keys_.back() < fresh;
  keys_.push_back(fresh);
  return behind;
}

void new_keys::write(write_transaction& txn) {
  if (keys_.empty()) return;
  if (!std::is_sorted(keys_.begin(), keys_.end())) std::sort(keys_.begin(), keys_.end());
  MDB_cursor* cursor = nullptr;
  txn.env().check(::mdb_cursor_open(txn.handle(), txn.env().in().index, &cursor), "write");
  at_end_ = false;
  for (const new_key& fresh : keys_) write_key(txn, cursor, fresh);
}

bool new_keys::is_behind_all(write_transaction& txn, MDB_cursor* cursor, const MDB_val& key) {
  MDB_val last{};
  MDB_val ignored{};
  const int status = ::mdb_cursor_get(cursor, &last, &ignored, MDB_LAST);
  if (status != MDB_NOTFOUND) txn.env().check(status, "read");
  return status == MDB_NOTFOUND || ::mdb_cmp(txn.handle(), txn.env().in().index, &key, &last) > 0;
}

// Keys behind all others are appended: that needs no search and leaves full pages behind.
void new_keys::write_key(write_transaction& txn, MDB_cursor* cursor, const new_key& fresh) {
  lmdb_key name;
  const bool exact = make_index_key(txn.env().salt(), fresh.workflow, fresh.key, name);
  make_index_entry(name.bytes(), std::as_bytes(std::span{&fresh.item, 1}), entry_);
  MDB_val key = to_lmdb(name.bytes());
  MDB_val value = to_lmdb(entry_);
  at_end_ = at_end_ || is_behind_all(txn, cursor, key);
  if (at_end_) {
    const int status = ::mdb_cursor_put(cursor, &key, &value, MDB_APPEND);
    if (status == 0) return;
    if (status != MDB_KEYEXIST) txn.env().check(status, "write");
    at_end_ = false;  // the same key twice, or a hash that sorts before the one before it
  }
  const int status = ::mdb_cursor_put(cursor, &key, &value, MDB_NOOVERWRITE);
  if (status == 0) return;
  if (status != MDB_KEYEXIST) txn.env().check(status, "write");
  if (!exact) return add_to_hash(txn, cursor, name.bytes(), fresh);
  throw error(errc::damaged, "lmdb: a key was admitted twice (item " + std::to_string(fresh.item) + " of workflow " +
                                 std::to_string(fresh.workflow) + " in " + txn.env().state().string() +
                                 "); nothing was recorded of it; run `pawl verify` on it and report this");
}

// Keys with the same hash share an entry; their rows tell them apart.
void new_keys::add_to_hash(write_transaction& txn, MDB_cursor* cursor, std::span<const std::byte> name,
                           const new_key& fresh) {
  MDB_val key = to_lmdb(name);
  MDB_val value{};
  txn.env().check(::mdb_cursor_get(cursor, &key, &value, MDB_SET), "read");
  const auto old = ids_of_index_entry(name, txn.view(value));
  ids_.assign(old.begin(), old.end());
  const auto id = std::as_bytes(std::span{&fresh.item, 1});
  ids_.insert(ids_.end(), id.begin(), id.end());
  make_index_entry(name, ids_, entry_);
  value = to_lmdb(entry_);
  txn.env().check(::mdb_cursor_put(cursor, &key, &value, MDB_CURRENT), "write");
}

}  // namespace pawl::core
