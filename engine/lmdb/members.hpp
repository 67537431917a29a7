// The processes that share a state, and what each has claimed: durability rules 24 and 25.
//
// Each has a record of its own in `meta`, under the epoch to which its opening raised the state, which is also the number
// of its seat (owner_lock.hpp): while the seat is taken it lives. An item that a process works on is claimed under that
// number, in the transaction that admits the item or takes it up, and until the one that records its end. Whoever sees a
// seat that is free removes the record and sets the claims free, as one transaction: so a process that was taken for dead,
// because it lost its locks, finds no record of itself in its next one, and writes nothing.
//
// The bytes: layout.hpp.
#pragma once

#include "lmdb/transaction.hpp"
#include "record/checkpoint.hpp"

#include <pawl/error.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace pawl::core {

struct member {
  std::uint64_t number = 0;  // of its epoch and its seat
  std::uint64_t pid = 0;
  std::uint64_t pid_namespace = 0;
};

[[nodiscard]] std::vector<member> read_members(const transaction& txn);
void write_member(write_transaction& txn, const member& one);
// Throws pawl::error(state_in_use) where it is none any more.
void check_member(const transaction& txn, std::uint64_t number);
// With its claims. Those on items that have not ended are left behind then: for whoever finds them. How many.
std::size_t remove_member(write_transaction& txn, std::uint64_t number);
// The items of the workflow that this member has claimed.
[[nodiscard]] std::vector<item_address> claims_of(const transaction& txn, std::uint64_t number, workflow_id workflow);
// Everything of this page: for who has the state alone.
void remove_all_members(write_transaction& txn);

// Which chain of a workflow each of them runs, or ran last.
struct chain_use {
  std::uint64_t member = 0;
  workflow_id workflow = 0;
  revision_id revision = 0;
};
[[nodiscard]] std::vector<chain_use> read_chain_uses(const transaction& txn);
void write_chain_use(write_transaction& txn, const chain_use& use);

// Whose an item is.
[[nodiscard]] std::optional<std::uint64_t> claim_of(const transaction& txn, item_address address);
// It is this member's from now on, and not left behind any more.
void write_claim(write_transaction& txn, item_address address, std::uint64_t member);
void erase_claim(write_transaction& txn, item_address address);
// All claims; `member` is nothing where the item was left behind.
void read_claims(const transaction& txn,
                 const std::function<void(item_address address, std::optional<std::uint64_t> member)>& each);
// Items of the workflow that a dead member had claimed and nobody has since; at most `most`, ids ascending from `from`.
void read_left_behind(const transaction& txn, workflow_id workflow, item_id from, std::size_t most, std::vector<item_id>& into);
[[nodiscard]] bool is_left_behind(const transaction& txn, item_address address);

// How many turns of tables there were that wrote something, while the state was shared.
[[nodiscard]] std::uint64_t read_turns(const transaction& txn);
void write_turns(write_transaction& txn, std::uint64_t turns);

}  // namespace pawl::core
