// Tables in LMDB: entries in the order of their keys, all tables in one
// sub-database (layout.hpp).
//
// One, because handles of sub-databases must all be opened at the start (rule 16)
// and each that a commit touches costs it pages (rule 28).
#pragma once

#include "lmdb/transaction.hpp"
#include "store/tables.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace pawl::core {

[[nodiscard]] std::vector<table_record> read_table_records(const transaction& txn);

void write_table_record(write_transaction& txn, const table_record& record);

// What table_store::open_table promises, without the commit; `changed` says whether one is needed.
[[nodiscard]] table_id record_table(write_transaction& txn, const table_schema& table, bool& changed);

// Makes the entries what was written, and counts them. Returns an upper estimate of the pages that it made dirty.
std::uint64_t write_entries(write_transaction& txn, const table_writes& writes);

// Where the value of an entry lies in chunks: as which number, and how many they are; else 0.
struct entry_chunks {
  std::uint64_t number = 0;
  std::uint64_t count = 0;
};
// Reads an entry, and its value into `room` where that lies in chunks. Throws pawl::error(damaged).
entry_chunks check_entry(const transaction& txn, std::span<const std::byte> key, std::span<const std::byte> entry,
                         std::vector<std::byte>& room);

class lmdb_table_snapshot final : public table_snapshot {
public:
  explicit lmdb_table_snapshot(std::shared_ptr<const environment> env);
  std::vector<table_record> tables() override { return read_table_records(txn_); }
  bool get(std::string_view key, std::span<const std::byte>& value) override;
  bool seek(std::string& key, bool behind, std::span<const std::byte>& value) override;
  std::string schema(std::uint64_t hash) override;

private:
  void check_beside(std::span<const std::byte> key);
  [[nodiscard]] std::span<const std::byte> value_of(std::span<const std::byte> key, std::span<const std::byte> entry);

  std::shared_ptr<const environment> env_;
  read_transaction txn_;
  std::unique_ptr<read_cursor> cursor_;  // null where the state has no tables
  std::vector<std::byte> room_;          // of a value that lies in chunks
};

}  // namespace pawl::core
