// The counters of one write transaction: read when a workflow is first touched,
// changed by (old row -> new row), written at its end (durability rule 9).
#pragma once

#include "lmdb/catalogue.hpp"
#include "record/row.hpp"

#include <cstdint>
#include <vector>

namespace pawl::core {

// What counters must know of a row.
struct counted_row {
  bool exists = false;
  item_state state = item_state::pending;
  revision_id revision = 0;
  std::uint16_t reached = 0;
  friend bool operator==(const counted_row&, const counted_row&) = default;
};
[[nodiscard]] inline counted_row counted(const row& one) noexcept {
  return {one.sequence != 0, one.state, one.revision, one.reached};
}

class tally {
public:
  void begin() noexcept;
  // Throws pawl::error: bad_argument for a workflow that was never opened, damaged where a counter
  // would fall below zero.
  void change(const transaction& txn, item_address address, const counted_row& before, const counted_row& after);
  void write(write_transaction& txn) const;

private:
  struct reached_by {
    revision_id revision = 0;
    std::vector<std::uint64_t> histogram;
  };
  struct counted_workflow {
    workflow_id id = 0;
    workflow_counters counters;
    std::vector<reached_by> revisions;
    std::size_t revisions_used = 0;
  };
  counted_workflow& touched(const transaction& txn, workflow_id workflow);
  std::uint64_t& at_reached(const transaction& txn, counted_workflow& in, revision_id revision, std::uint16_t reached);
  static void take_one(const transaction& txn, std::uint64_t& from);

  std::vector<counted_workflow> workflows_;
  std::size_t used_ = 0;
  std::size_t latest_ = 0;
};

}  // namespace pawl::core
