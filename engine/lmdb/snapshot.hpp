// A consistent view of the state: snapshot of store/backend.hpp on LMDB.
//
// Takes one slot of LMDB's reader table and holds back the reuse of pages for as
// long as it lives between two refreshes (rule 21).
#pragma once

#include "lmdb/blobs.hpp"
#include "lmdb/catalogue.hpp"
#include "lmdb/page_search.hpp"
#include "lmdb/transaction.hpp"
#include "store/backend.hpp"

#include <array>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace pawl::core {

class lmdb_snapshot final : public snapshot {
public:
  lmdb_snapshot(std::shared_ptr<const environment> env, std::shared_ptr<const blob_store> blobs);

  void refresh() override;
  void release() override { txn_.reset(); }
  log_position seen() override;
  void expect(workflow_id workflow, std::span<const std::string_view> keys) override;
  bool find(workflow_id workflow, std::string_view key, stored_item& into, bool whole) override;
  bool load(workflow_id workflow, item_id item, stored_item& into) override;
  void scan(workflow_id workflow, item_id from, const item_state* state,
            const std::function<bool(const stored_item&)>& each) override;
  void scan_keys(workflow_id workflow, std::string_view prefix,
                 const std::function<bool(item_id, std::string_view)>& each) override;
  void fetch(workflow_id workflow, const stored_item& item, const stored_payload& payload,
             std::vector<std::byte>& into) override;
  workflow_counts count(workflow_id workflow) override;
  std::vector<workflow_record> workflows() override;
  std::string schema(std::uint64_t hash) override;

  // The bytes of an item's row, whole; empty where there is none. They live until the next call.
  [[nodiscard]] std::span<const std::byte> row_bytes(item_address address);
  // The value of a row that lies outside of it, checked.
  void fetch_value(item_address address, const row_value& value, std::vector<std::byte>& into);
  [[nodiscard]] journal_mark mark() const { return read_mark(txn_); }
  [[nodiscard]] const read_transaction& txn() const noexcept { return txn_; }

private:
  // Where the cursor on `items` stands, for finding keys that are asked for in the order of ids.
  enum class place : std::uint8_t { nowhere, at_next, before_next, at_end };

  // A key that will be asked for, and where its row seems to lie.
  struct expected_key {
    std::size_t begin = 0;  // in expected_names_: of the index's key, behind which the typed key begins
    std::size_t size = 0;
    item_address address = 0;
    std::span<const std::byte> row;  // empty: LMDB is to say whether there is one
  };

  void look_for_expected(workflow_id workflow);
  [[nodiscard]] const expected_key* take_expected(workflow_id workflow, std::string_view key);
  bool show_expected(const expected_key& one, std::string_view key, stored_item& into, bool whole);
  bool show_next_if(workflow_id workflow, std::string_view key, stored_item& into, bool whole);
  bool move_to_next(workflow_id workflow, std::span<const std::byte>& name, std::span<const std::byte>& entry);
  bool find_by_index(workflow_id workflow, std::string_view key, stored_item& into, bool whole);
  [[nodiscard]] std::span<const std::byte> ids_in_index(std::span<const std::byte> key);
  [[nodiscard]] bool is_behind_all(std::span<const std::byte> key);
  bool show_if(item_address address, std::string_view key, bool exact, stored_item& into, bool whole);
  void show(item_address address, std::span<const std::byte> bytes, stored_item& into, bool whole);
  void check_row_at(workflow_id workflow, std::span<const std::byte> name, std::span<const std::byte> entry);
  void check_listed_at(std::span<const std::byte> name);
  void scan_all(workflow_id workflow, item_id from, const item_state* state,
                const std::function<bool(const stored_item&)>& each);
  void scan_listed(workflow_id workflow, item_id from, item_state state,
                   const std::function<bool(const stored_item&)>& each);

  std::shared_ptr<const environment> env_;
  std::shared_ptr<const blob_store> blobs_;
  read_transaction txn_;
  read_cursor items_;
  read_cursor index_;
  // The greatest key of the index, from the first look after a refresh on.
  lmdb_key greatest_;
  bool knows_greatest_ = false;
  place place_ = place::nowhere;
  workflow_id place_workflow_ = 0;
  item_id next_ = 0;  // no key of an earlier item is tried
  // Of the look-ups since the last expect(): how many there were, and how many were not for the next row.
  std::size_t looked_ = 0;
  std::size_t strayed_ = 0;
  page_search search_;
  std::vector<std::byte> expected_names_;
  std::vector<expected_key> expected_;
  std::size_t expected_next_ = 0;
  std::vector<page_search_key> searched_;
  std::vector<std::array<std::byte, 8>> searched_rows_;
  row row_;
  std::vector<std::byte> long_row_;
  std::vector<std::byte> fetched_row_;
};

}  // namespace pawl::core
