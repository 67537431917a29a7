// The keys of items that a transaction admits, on their way into the index.
//
// The index is the one place where items lie in another order than their ids';
// so its entries are gathered, sorted, and written last.
#pragma once

#include "lmdb/transaction.hpp"

#include <string_view>
#include <vector>

namespace pawl::core {

struct new_key {
  workflow_id workflow = 0;
  item_id item = 0;
  std::string_view key;  // stays in place until it is written
  friend bool operator<(const new_key& a, const new_key& b) noexcept {
    return a.workflow != b.workflow ? a.workflow < b.workflow : a.key < b.key;
  }
};

class new_keys {
public:
  void clear() noexcept { keys_.clear(); }
  // True where it lies behind the one added before.
  bool add(const new_key& fresh);
  // Throws pawl::error(damaged) where another item has a key.
  void write(write_transaction& txn);

private:
  void write_key(write_transaction& txn, MDB_cursor* cursor, const new_key& fresh);
  [[nodiscard]] bool is_behind_all(write_transaction& txn, MDB_cursor* cursor, const MDB_val& key);
  void add_to_hash(write_transaction& txn, MDB_cursor* cursor, std::span<const std::byte> name, const new_key& fresh);

  std::vector<new_key> keys_;
  bool at_end_ = false;  // the key written last is the last of the index
  std::vector<std::byte> ids_;
  std::vector<std::byte> entry_;
};

}  // namespace pawl::core
