// What a state knows of itself and of its workflows: the records of `meta`.
//
// Their bytes: layout.hpp.
#pragma once

#include "lmdb/transaction.hpp"
#include "store/backend.hpp"

#include <pawl/options.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pawl::core {

// How a state is kept, as it was opened last.
enum class keeping : std::uint8_t {
  committed = 1,  // every group is a transaction of LMDB
  journaled = 2,  // a journal in front of it: what LMDB has is complete only up to the mark
  shared = 3,     // as `committed`, by several processes (lmdb/members.hpp)
};

struct opening_record {
  std::uint64_t epoch = 0;
  keeping kept = keeping::committed;
  std::uint64_t pid_namespace = 0;
  pawl::durability durability = durability::power;
};

// How far the journal is folded in. Changes in the transaction that folds.
struct journal_mark {
  std::uint64_t applied = 0;  // lsn: everything in front of it is in the rows, and some of what comes behind may be
  std::uint64_t durable = 0;  // lsn: what the journal had on the disk for certain, at least `applied`
  bool drained = true;        // nothing lies behind it: the state was closed, or never had a journal
};

// Writes the records of a new state.
void write_new_state(write_transaction& txn);
// Throws pawl::error: not_a_state where the record is missing, newer_format, damaged.
[[nodiscard]] state_identity read_identity(const transaction& txn);
// Makes the records those of a copy. Precondition: read_identity would not throw.
void write_identity(write_transaction& txn, const state_identity& identity);
// Random bytes for a new state. Throws pawl::error(io).
[[nodiscard]] hash_key new_uuid();
// Every record of `meta` against its checksum, which covers its key: where one is looked for and not found, it was never
// there. Throws pawl::error(damaged).
void check_records(const transaction& txn);
// The same for those that do not follow from the items.
void check_records_but_counters(const transaction& txn);
// Throws where this release cannot open the state in the mode that it demands.
[[nodiscard]] opening_record read_opening(const transaction& txn);
// The kernel drops the owner's lock where any code of the process closes a descriptor of `owner`, and whoever removes
// that file goes round it: so every transaction that writes looks whether the state was opened by somebody else since.
// Throws pawl::error(state_in_use).
void check_epoch(const transaction& txn, std::uint64_t epoch);
void write_opening(write_transaction& txn, const opening_record& opening);
[[nodiscard]] journal_mark read_mark(const transaction& txn);
void write_mark(write_transaction& txn, const journal_mark& mark);

struct workflow_counters {
  item_id next_item = 0;
  std::array<std::uint64_t, 5> by_state{};
};
// The chains that are recorded of a workflow, by their revision. Throws pawl::error(damaged).
[[nodiscard]] std::vector<chain_revision> read_chains(const transaction& txn, workflow_id workflow);
// None where there is no such workflow.
[[nodiscard]] std::optional<workflow_counters> read_counters(const transaction& txn, workflow_id workflow);
void write_counters(write_transaction& txn, workflow_id workflow, const workflow_counters& counters);

// What backend::remove was told last; 0 where it never was.
[[nodiscard]] std::uint64_t read_oldest_done(const transaction& txn, workflow_id workflow);
void write_oldest_done(write_transaction& txn, workflow_id workflow, std::uint64_t oldest_done_us);

// By `reached`; empty where none was counted yet.
[[nodiscard]] std::vector<std::uint64_t> read_histogram(const transaction& txn, workflow_id workflow,
                                                        revision_id revision);
void write_histogram(write_transaction& txn, workflow_id workflow, revision_id revision,
                     std::span<const std::uint64_t> histogram);

[[nodiscard]] std::vector<workflow_record> read_workflows(const transaction& txn);
// Throws pawl::error(not_found).
[[nodiscard]] workflow_record read_workflow(const transaction& txn, workflow_id workflow);
[[nodiscard]] workflow_counts count_workflow(const transaction& txn, workflow_id workflow);
[[nodiscard]] std::string read_schema(const transaction& txn, std::uint64_t hash);

// Stores a schema that is not stored yet; says whether it was not.
bool record_schema(write_transaction& txn, const schema_record& schema);

// What backend::open_workflow promises, without the commit. `changed` says whether one is needed.
[[nodiscard]] workflow_record record_workflow(write_transaction& txn, std::string_view name,
                                              const chain_revision& chain, std::span<const schema_record> schemas,
                                              bool& changed);

}  // namespace pawl::core
