// What the journal holds that LMDB does not have yet, as rows: for looking at a
// state from outside, while an engine works on it or after a crash.
//
// Only reads. The frames behind the applied lsn of one snapshot of LMDB are folded
// onto its rows in memory. If the owner wrote over a segment meanwhile, or the log
// grew under the reader's hands, it starts over.
#pragma once

#include "journal/segment.hpp"
#include "lmdb/snapshot.hpp"
#include "lmdb/tally.hpp"
#include "record/row.hpp"
#include "store/batch.hpp"

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace pawl::core {

class unapplied {
public:
  using rows = std::map<item_address, std::vector<std::byte>>;

  unapplied(file_system& files, std::filesystem::path directory, const state_uuid& uuid);

  // Replaces what it held by what lies behind the mark of this snapshot. Throws pawl::error(damaged) where the journal is.
  void read(lmdb_snapshot& base);

  // What was dropped from the end of the journal, for people; empty: nothing.
  [[nodiscard]] const std::string& remark() const noexcept { return remark_; }

  // The rows that differ from the snapshot's, by address.
  [[nodiscard]] const rows& all() const noexcept { return rows_; }
  // Empty where the snapshot has the last word.
  [[nodiscard]] std::span<const std::byte> row_of(item_address address) const;
  // Of an item that the snapshot does not know.
  [[nodiscard]] const item_id* id_of(workflow_id workflow, std::string_view key) const;
  // How many items more (or fewer) than in the snapshot there are: by state; and by revision and steps completed.
  struct difference {
    std::array<std::int64_t, 5> by_state{};
    std::map<std::pair<revision_id, std::uint16_t>, std::int64_t> reached;
    item_id next_item = 0;
  };
  [[nodiscard]] const difference* difference_of(workflow_id workflow) const;

private:
  void clear();
  [[nodiscard]] bool read_once(lmdb_snapshot& base, const journal_mark& mark);
  void fold_in(lmdb_snapshot& base, std::span<const std::span<const std::byte>> groups);
  void fold_run(lmdb_snapshot& base, const batch::run& run);
  [[nodiscard]] bool follows(const checkpoint& next) noexcept;

  file_system& files_;
  const std::filesystem::path directory_;
  const journal_salt salt_;
  rows rows_;
  std::map<std::pair<workflow_id, std::string>, item_id> new_keys_;
  std::map<workflow_id, difference> differences_;
  std::string remark_;
  bool ahead_ = false;  // the journal speaks of items of which a transaction after the snapshot recorded something
  std::pair<lsn, lsn> known_{0, 0};  // of what is held: applied, and written as the control page said before
  batch batch_;
  row row_;
  std::vector<std::byte> room_;
};

}  // namespace pawl::core
