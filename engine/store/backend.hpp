// The seam to storage: where checkpoints live.
//
// The run (engine/run/) writes checkpoints and asks what is known of an item;
// everything else about storage is behind this interface. LMDB implements it
// (engine/lmdb/), tests bring one in memory, a database server must fit too: so
// nothing of LMDB's shape crosses here.
//
// Order of calls: open_workflow once per workflow; then any number of snapshots
// from any threads, while one thread at a time calls commit(). remove() is for
// workflows that nobody works on.
#pragma once

#include "record/checkpoint.hpp"
#include "store/claims.hpp"
#include "store/tables.hpp"

#include <pawl/detail/erased.hpp>
#include <pawl/report.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pawl::core {

// A chain as it is recorded: what a stored step number means.
struct step_identity {
  std::string name;
  step_kind kind = step_kind::effect;
  std::uint32_t version = 0;
  std::uint64_t result_schema = 0;  // hash; 0: the step has no result
  bool keep = false;
  friend bool operator==(const step_identity&, const step_identity&) = default;
};
struct chain_revision {
  revision_id id = 0;               // set by the backend
  std::uint64_t input_schema = 0;   // 0: inputs are not recorded
  bool input_is_key = false;
  std::vector<step_identity> steps;
};
struct schema_record {
  std::uint64_t hash = 0;
  std::string_view canonical;       // the schema's bytes (pawl/schema.hpp)
};

struct workflow_record {
  workflow_id id = 0;
  std::string name;
  std::vector<chain_revision> revisions;  // by id, ascending; never empty
  revision_id current = 0;                // the one just opened (open_workflow) or the newest (workflows)
  item_id next_item = 0;                  // the id that the next admitted item gets: above every one that was ever given
  std::uint64_t oldest_done_us = 0;       // as the last backend::remove was told; 0: none was
};

struct workflow_counts {
  std::array<std::uint64_t, 5> by_state{};      // indexed by item_state
  std::vector<std::uint64_t> completed;         // by step of the newest revision: items that have completed it
  friend bool operator==(const workflow_counts&, const workflow_counts&) = default;
};

// One payload of a stored item: its schema, and where its bytes are.
struct stored_payload {
  bool present = false;
  std::uint64_t schema_hash = 0;
  std::uint64_t size = 0;                  // of the encoded value
  std::span<const std::byte> in_place;     // where it lies in the row; else fetch it
  std::uint16_t part = 0;                  // for snapshot::fetch
};

struct step_times {
  std::uint64_t ended_us = 0;   // Unix epoch
  std::uint64_t took_ns = 0;
  std::uint32_t attempts = 0;
};

// What is stored of an item. Views point into the snapshot and die at its next call.
struct stored_item {
  item_id id = 0;
  item_state state = item_state::pending;
  bool sticky = false;
  bool input_is_key = false;
  bool started = false;              // the step it stands at was started, at most once, and no end of it is recorded
  revision_id revision = 0;
  std::uint16_t reached = 0;         // steps completed
  std::uint16_t result_step = 0;     // value number of `result` (erased.hpp): 0 where there is none
  std::uint32_t attempts = 0;        // failed attempts of the step it stands at
  std::uint32_t generation = 0;
  std::uint32_t sequence = 0;
  std::uint64_t input_digest = 0;
  std::uint64_t updated_us = 0;
  std::uint64_t delay_ns = 0;        // what remains of a back-off, counted from updated_us
  std::string_view key;              // typed key (pawl/detail/key.hpp)
  std::string_view error;            // of `failed`, `skipped`, or of the last failed attempt
  stored_payload input;
  stored_payload result;             // the latest
  std::vector<std::pair<std::uint16_t, stored_payload>> kept;  // by value number; `result` too, if it is one
  std::vector<step_times> times;     // by step, as far as reached; one more where it failed or was skipped
};

// How far a state has come, for comparing only: positions grow as checkpoints are committed.
using log_position = std::uint64_t;
inline constexpr log_position everything = ~log_position{0};
inline constexpr log_position log_position_max = log_position{1} << 62;  // a state that is further on is forged

// A consistent view. One thread at a time. Cheap to refresh; hold one no longer than needed.
class snapshot {
public:
  virtual ~snapshot() = default;
  // See everything committed until now, but for what a backend with a log of its own has not folded in yet
  // (seen()). What was returned before becomes invalid.
  virtual void refresh() = 0;
  // Everything committed up to here is in this view.
  [[nodiscard]] virtual log_position seen() { return everything; }
  // Holds nothing back until the next refresh, before which nothing else may be called: a view that is kept
  // keeps pages and files that it might still show.
  virtual void release() = 0;
  // These keys are what find() will be asked for next, in this order, before the next refresh: a backend may look
  // for them together. Nothing changes in what find() says, whatever it is asked. The keys are not kept.
  virtual void expect(workflow_id workflow, std::span<const std::string_view> keys) {
    static_cast<void>(workflow), static_cast<void>(keys);
  }
  // The item with this typed key. Fast where keys are asked for in the order of their ids, or were expected.
  // `whole` false: id, state, sticky, revision, reached, generation, input_digest only.
  virtual bool find(workflow_id workflow, std::string_view key, stored_item& into, bool whole) = 0;
  virtual bool load(workflow_id workflow, item_id item, stored_item& into) = 0;
  // Items with id >= from in ascending order until `each` returns false.
  // `state`: only these, found by index for failed and skipped.
  virtual void scan(workflow_id workflow, item_id from, const item_state* state,
                    const std::function<bool(const stored_item&)>& each) = 0;
  // Items whose typed key begins with `prefix`, at most max_child_key_size bytes long, in no promised order, until `each`
  // returns false.
  virtual void scan_keys(workflow_id workflow, std::string_view prefix,
                         const std::function<bool(item_id, std::string_view)>& each) {
    scan(workflow, 0, nullptr,
         [&](const stored_item& item) { return !item.key.starts_with(prefix) || each(item.id, item.key); });
  }
  // The encoded value (without its schema hash), checked against its checksum.
  virtual void fetch(workflow_id workflow, const stored_item& item, const stored_payload& payload,
                     std::vector<std::byte>& into) = 0;
  virtual workflow_counts count(workflow_id workflow) = 0;
  virtual std::vector<workflow_record> workflows() = 0;
  // The canonical bytes of a stored schema; empty where there is none of that hash.
  virtual std::string schema(std::uint64_t hash) = 0;
};

struct backend_totals {
  std::uint64_t commits = 0;
  std::uint64_t flushes = 0;
  std::uint64_t bytes = 0;     // of checkpoints taken in
};

class backend {
public:
  virtual ~backend() = default;
  // Finds the workflow or makes it, and the revision equal to `chain` or a new one. Durable when it
  // returns. Schemas that are not stored yet are stored. Not during a commit.
  virtual workflow_record open_workflow(std::string_view name, const chain_revision& chain,
                                        std::span<const schema_record> schemas) = 0;
  // Folds whole checkpoints into the items, those of one item in the order of their sequence. Recorded, in
  // the durability that was asked for, when it returns, and seen by snapshots that are refreshed after
  // settle(). All or nothing for each item; a large batch may be taken in several parts. After a throw with code disk_full the same groups may be
  // handed in again (what was taken in already is not taken in twice); after any other, every call that
  // writes throws errc::stopped. Checkpoints that cannot follow what is stored throw errc::damaged.
  // One call at a time, now from this thread, now from that.
  virtual void commit(std::span<const std::span<const std::byte>> groups) = 0;
  // Behind everything that was committed until now.
  [[nodiscard]] virtual log_position recorded() const { return 0; }
  // Waits until snapshots that are refreshed from now on see everything up to `position`. Any thread. Throws
  // what keeps the backend from it.
  virtual void settle(log_position position = everything) { static_cast<void>(position); }
  // Everything committed until now is on the disk when it returns. Any thread.
  virtual void flush() {}
  // Stores the bytes of a value too large to lie with its record; any thread. What it returns may
  // stand in a checkpoint handed to a later commit, which makes the bytes durable first.
  virtual large_object store_large(std::uint64_t schema_hash, std::span<const std::byte> value) = 0;
  // Forgets these items, ids ascending: rows, keys, values, counts. Their ids are given to nobody else. Durable when it
  // returns; at a crash or a throw each of them is there wholly or not at all, and counters and index agree with what is
  // there. Everything recorded of them must be settled, and nothing be recorded of them any more. Ids that are not there are
  // passed over. `oldest_done_us`: kept with the workflow, with the last of them; also where there are none. A throw with code
  // damaged or disk_full harms nothing else. One call at a time; also beside commits that concern other workflows.
  virtual void remove(workflow_id workflow, std::span<const item_id> items, std::uint64_t oldest_done_us) = 0;
  // Values of more bytes than this go through store_large.
  [[nodiscard]] virtual std::size_t large_threshold() const = 0;
  // The same for values that stay, because no later checkpoint of the item supersedes them: those are best written at
  // once where they will lie.
  [[nodiscard]] virtual std::size_t staying_threshold() const { return large_threshold(); }
  [[nodiscard]] virtual std::unique_ptr<snapshot> read() = 0;
  // True where checkpoints are kept by nobody and nothing is ever found: the run then makes none, commits nothing,
  // and no item waits. For measuring what the rest costs.
  [[nodiscard]] virtual bool keeps_nothing() const { return false; }
  // 16 random bytes made with the state: the salt of idempotency keys.
  [[nodiscard]] virtual std::array<std::byte, 16> uuid() const = 0;
  // The salt of digests of inputs: the same, but in a copy of a state, whose items keep the digests that they have.
  [[nodiscard]] virtual std::array<std::byte, 16> salt() const { return uuid(); }
  [[nodiscard]] virtual backend_totals totals() const = 0;
  // Where transactional steps write; null where there is no such place, and then they cannot be run.
  [[nodiscard]] virtual table_store* tables() { return nullptr; }
  // Where other processes may work on the same items; null: nobody else does.
  [[nodiscard]] virtual claim_store* claims() { return nullptr; }
};

}  // namespace pawl::core
