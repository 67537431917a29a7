// Folding a batch of checkpoints into LMDB: what happens within one commit.
//
// Rows are visited in the order of their addresses with one cursor, so that what
// lies together is touched together; each row is written once, whatever number
// of checkpoints it takes in. The index is sorted before it is written; counters
// change in the same transaction. Buffers are reused: in steady state nothing is
// allocated per checkpoint.
#pragma once

#include "lmdb/blobs.hpp"
#include "lmdb/new_keys.hpp"
#include "lmdb/tables.hpp"
#include "lmdb/tally.hpp"
#include "lmdb/transaction.hpp"
#include "store/batch.hpp"

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace pawl::core {

struct folding_totals {
  std::uint64_t commits = 0;
  std::uint64_t flushes = 0;
};

class folding {
public:
  // A transaction takes in runs until it may have made `pages_max` pages dirty (rule 25).
  // `epoch`: of this opening; once the state has another one, nothing is written any more. `shared`: it is that of one of
  // several processes, which writes as long as it is one, and of items only that it has claimed.
  // Values above `large_threshold` bytes that come in a record move to a file.
  folding(environment& env, blob_store& blobs, std::uint64_t epoch, bool shared, std::size_t pages_max,
          std::size_t large_threshold);

  // Throws pawl::error(state_in_use) where the state was opened by somebody else since.
  void check_writer(const transaction& txn) const;

  // One durable transaction with the runs from `place` on, as many as it may hold; returns the place
  // after the last. The mark, if any, goes into the one that holds the last run. Throws pawl::error: disk_full (nothing happened, it may be tried again) or another
  // (the environment must not be written to any more).
  [[nodiscard]] std::size_t fold_some(const batch& checkpoints, std::size_t place, const journal_mark* mark,
                                      folding_totals& totals);

  // One durable transaction with all of it: the checkpoints, the writes to tables, and the mark, if any. Those that came
  // as number `first` of the batch or later must directly follow what is in front of them. Throws as fold_some; damaged
  // where one does not follow.
  void fold_with(const batch& checkpoints, std::size_t first, const table_writes& writes, const journal_mark* mark,
                 folding_totals& totals);
  // One durable transaction with what `prepare` writes in it, and with the checkpoints that it gives back, all of them.
  // Nothing happens where that is null. Throws as fold_some.
  void fold_prepared(const std::function<const batch*(write_transaction&)>& prepare, folding_totals& totals);
  // One durable transaction that takes items out, from number `place` of `items` on, as many as it may; returns the place
  // after the last. `oldest_done_us` goes into the one that takes out the last. Throws as fold_some; damaged where a row or an
  // entry of the index is, and nothing has happened then. (removing.cpp)
  [[nodiscard]] std::size_t remove_some(workflow_id workflow, std::span<const item_id> items, std::size_t place,
                                        std::uint64_t oldest_done_us, folding_totals& totals);
  // Where others share the state: what fold_with() is given was decided by tables as they were after so many turns.
  void expect_turns(std::uint64_t turns) noexcept { turns_ = turns; }
  // May all of the batch go into one transaction?
  [[nodiscard]] static bool fits(const batch& checkpoints) noexcept;

private:
  void begin(write_transaction& txn);
  void fold_run(write_transaction& txn, const batch& checkpoints, const batch::run& run);
  void keep_claim(write_transaction& txn, item_address address);
  void keep_turn(write_transaction& txn);
  bool load_row(write_transaction& txn, item_address address);
  bool fold_checkpoints(const batch& checkpoints, const batch::run& run);
  void drop_outside(write_transaction& txn, item_address address);
  void name_files(write_transaction& txn, item_address address);
  void move_to_chunks(write_transaction& txn, item_address address, row_value& value);
  void move_to_file(row_value& value);
  void move_out(write_transaction& txn, item_address address, row_value& value);
  std::span<const std::byte> place_row(write_transaction& txn, item_address address);
  void store_row(write_transaction& txn, item_address address, std::span<const std::byte> bytes);
  void mark_state(write_transaction& txn, item_address address, const counted_row& before);
  void remove_item(write_transaction& txn, item_address address);
  void finish(write_transaction& txn, folding_totals& totals);
  void count_pages(item_address address, std::size_t row_size);
  void take_new_key(item_address address);

  static constexpr std::size_t any_order = ~std::size_t{0};

  environment& env_;
  blob_store& blobs_;
  const std::uint64_t epoch_;
  const bool shared_;
  std::uint64_t turns_ = 0;
  const std::size_t pages_max_;
  const std::size_t large_threshold_;

  // Of one transaction.
  MDB_cursor* items_ = nullptr;
  item_address items_end_ = 0;  // above every address in `items`
  item_address previous_ = 0;
  std::uint64_t pages_ = 0;  // an upper estimate of what is dirty
  std::uint64_t bytes_ = 0;  // towards the next page
  new_keys new_keys_;
  std::vector<blob_name> named_;    // files named by rows written now
  std::vector<blob_name> unnamed_;  // and those no longer named
  std::vector<blob_name> unused_;   // files of checkpoints that were superseded in the same batch
  tally tally_;
  std::size_t strict_from_ = any_order;  // checkpoints that came later must directly follow

  // Of one item.
  row row_;
  bool in_items_ = false;
  std::uint64_t long_size_ = 0;  // of the row as it was, where it lies in chunks
  std::vector<std::byte> old_bytes_;
  std::vector<std::byte> new_bytes_;
  std::vector<row_value> outside_;  // values of the row as it was, in chunks or in a file
};

}  // namespace pawl::core
