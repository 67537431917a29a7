// Taking items out of LMDB: everything that folding has put there for them, in one transaction with the counters.
//
// Past the journal: nothing of these items lies behind its applied lsn, so neither replay nor a reader's overlay ever meets
// them again, and a removal needs no record of its own.

#include "lmdb/folding.hpp"
#include "lmdb/long_values.hpp"

#include <pawl/error.hpp>

#include <cstring>
#include <string>

namespace pawl::core {
namespace {

constexpr std::uint64_t pages_of_an_item = 4;  // its leaf and its key's, and a neighbour of each that they are merged with

[[noreturn]] void throw_contradiction(const write_transaction& txn, item_address address) {
  throw error(errc::damaged, "lmdb: the index of keys does not name item " + std::to_string(item_of_address(address)) +
                                 " of workflow " + std::to_string(workflow_of_address(address)) + " in " +
                                 txn.env().state().string() +
                                 " by its key; it was not removed; run `pawl verify` on the state");
}

// The other items of an entry of hashed keys keep it.
void erase_key(write_transaction& txn, item_address address, std::string_view typed_key) {
  lmdb_key name;
  make_index_key(txn.env().salt(), workflow_of_address(address), typed_key, name);
  const auto entry = txn.get(txn.env().in().index, name.bytes());
  if (!entry) throw_contradiction(txn, address);
  const auto ids = ids_of_index_entry(name.bytes(), *entry);
  const item_id mine = item_of_address(address);
  std::vector<item_id> others(ids.size() / sizeof(item_id));
  std::memcpy(others.data(), ids.data(), ids.size());
  if (std::erase(others, mine) != 1) throw_contradiction(txn, address);
  if (others.empty()) {
    txn.erase(txn.env().in().index, name.bytes());
    return;
  }
  std::vector<std::byte> left;
  make_index_entry(name.bytes(), std::as_bytes(std::span{others}), left);
  txn.put(txn.env().in().index, name.bytes(), left);
}

}  // namespace

std::size_t folding::remove_some(workflow_id workflow, std::span<const item_id> items, std::size_t place,
                                 std::uint64_t oldest_done_us, folding_totals& totals) {
  write_transaction txn(env_);
  check_writer(txn);
  begin(txn);
  while (place < items.size() && pages_ < pages_max_) remove_item(txn, address_of(workflow, items[place++]));
  tally_.write(txn);
  if (place == items.size()) write_oldest_done(txn, workflow, oldest_done_us);
  finish(txn, totals);
  return place;
}

void folding::remove_item(write_transaction& txn, item_address address) {
  if (!load_row(txn, address)) return;
  const counted_row before = counted(row_);
  erase_key(txn, address, row_.key);
  tally_.change(txn, address, before, {});
  row_.clear();
  drop_outside(txn, address);
  if (long_size_ != 0) {
    erase_chunks(txn, address, row_part_number, 0, long_size_);
    pages_ += 2 + chunks_of(long_size_) / 64;
  }
  mark_state(txn, address, before);
  env_.check(::mdb_cursor_del(items_, 0), "write");  // load_row left the cursor there
  pages_ += pages_of_an_item;
}

}  // namespace pawl::core
