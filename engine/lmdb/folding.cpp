#include "lmdb/folding.hpp"

#include "lmdb/long_values.hpp"
#include "lmdb/members.hpp"
#include "record/fold.hpp"
#include "store/crc32c.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

namespace pawl::core {
namespace {

constexpr std::size_t value_size_max_in_row = 1900;  // longer ones are not worth trying
constexpr std::size_t value_size_worth_moving = 64;
constexpr std::size_t page_size = 4096;
constexpr std::uint64_t pages_of_a_whole_batch = 30'000;  // beside those of tables, and far below what LMDB can hold
constexpr std::size_t checkpoints_ahead = 16; // records lie as they came, in memory larger than the caches
constexpr std::uint64_t near_enough = 4;      // ids this close share a page

bool listed(item_state state) noexcept { return state == item_state::failed || state == item_state::skipped; }

// Precondition: fold has taken it in, so its payload is a large_object.
blob_name blob_of(const checkpoint& one) noexcept {
  large_object named;
  std::memcpy(&named, one.payload.data(), sizeof named);
  return {named.epoch, named.number};
}

}  // namespace

folding::folding(environment& env, blob_store& blobs, std::uint64_t epoch, bool shared, std::size_t pages_max,
                 std::size_t large_threshold)
    : env_(env),
      blobs_(blobs),
      epoch_(epoch),
      shared_(shared),
      pages_max_(pages_max),
      large_threshold_(large_threshold) {}

void folding::check_writer(const transaction& txn) const {
  if (shared_) check_member(txn, epoch_);
  else check_epoch(txn, epoch_);
}

std::size_t folding::fold_some(const batch& checkpoints, std::size_t place, const journal_mark* mark,
                               folding_totals& totals) {
  write_transaction txn(env_);
  check_writer(txn);
  begin(txn);
  while (place < checkpoints.size() && pages_ < pages_max_) {
    const batch::run run = checkpoints.run_at(place);
    for (std::size_t i = run.first; i < run.last; ++i) checkpoints.prefetch(i + checkpoints_ahead);
    fold_run(txn, checkpoints, run);
    place = run.last;
  }
  new_keys_.write(txn);
  tally_.write(txn);
  if (mark != nullptr && place == checkpoints.size()) write_mark(txn, *mark);
  finish(txn, totals);
  return place;
}

bool folding::fits(const batch& checkpoints) noexcept {
  return 2 * checkpoints.size() + checkpoints.bytes() / (page_size / 2) <= pages_of_a_whole_batch;
}

void folding::fold_with(const batch& checkpoints, std::size_t first, const table_writes& writes,
                        const journal_mark* mark, folding_totals& totals) {
  write_transaction txn(env_);
  check_writer(txn);
  begin(txn);
  strict_from_ = first;
  for (std::size_t place = 0; place < checkpoints.size();) {
    const batch::run run = checkpoints.run_at(place);
    fold_run(txn, checkpoints, run);
    place = run.last;
  }
  new_keys_.write(txn);
  tally_.write(txn);
  if (shared_) keep_turn(txn);
  pages_ += write_entries(txn, writes);
  if (mark != nullptr) write_mark(txn, *mark);
  finish(txn, totals);
}

void folding::fold_prepared(const std::function<const batch*(write_transaction&)>& prepare, folding_totals& totals) {
  write_transaction txn(env_);
  check_writer(txn);
  begin(txn);
  const batch* const checkpoints = prepare(txn);
  if (checkpoints == nullptr) return;
  for (std::size_t place = 0; place < checkpoints->size();) {
    const batch::run run = checkpoints->run_at(place);
    fold_run(txn, *checkpoints, run);
    place = run.last;
  }
  new_keys_.write(txn);
  tally_.write(txn);
  finish(txn, totals);
}

void folding::begin(write_transaction& txn) {
  strict_from_ = any_order;
  tally_.begin();
  new_keys_.clear();
  named_.clear();
  unnamed_.clear();
  unused_.clear();
  previous_ = 0;
  pages_ = 0;
  bytes_ = 0;
  items_end_ = 0;
  env_.check(::mdb_cursor_open(txn.handle(), env_.in().items, &items_), "write");
  MDB_val key{};
  MDB_val value{};
  const int status = ::mdb_cursor_get(items_, &key, &value, MDB_LAST);
  if (status == MDB_NOTFOUND) return;
  env_.check(status, "read");
  items_end_ = read_big_endian(txn.view(key)) + 1;
}

void folding::fold_run(write_transaction& txn, const batch& checkpoints, const batch::run& run) {
  in_items_ = load_row(txn, run.address);
  const counted_row before = counted(row_);
  if (!fold_checkpoints(checkpoints, run)) return;
  if (shared_) keep_claim(txn, run.address);
  tally_.change(txn, run.address, before, counted(row_));
  if (!before.exists) take_new_key(run.address);
  if (!outside_.empty()) drop_outside(txn, run.address);
  const auto bytes = place_row(txn, run.address);
  name_files(txn, run.address);
  store_row(txn, run.address, bytes);
  mark_state(txn, run.address, before);
  count_pages(run.address, bytes.size());
}

// What is recorded of an item is its holder's to record, and with its end nobody's.
void folding::keep_claim(write_transaction& txn, item_address address) {
  if (claim_of(txn, address) != epoch_)
    throw error(errc::damaged, "lmdb: a step of item " + std::to_string(item_of_address(address)) + " of workflow " +
                                   std::to_string(workflow_of_address(address)) + " in " + env_.state().string() +
                                   " is to be recorded by a process that has not claimed the item; nothing of it was "
                                   "written; run `pawl verify` on the state and report this");
  if (row_.state != item_state::pending && row_.state != item_state::in_progress) erase_claim(txn, address);
}

// The lock that the turn is may be lost as `owner` may be; then two would write what they decided by the same entries.
void folding::keep_turn(write_transaction& txn) {
  if (const std::uint64_t now = read_turns(txn); now != turns_)
    throw error(errc::state_in_use,
                "lmdb: another process has written tables of " + env_.state().string() +
                    " while a transactional step was called here, because the lock on the file `tables.lock` was lost "
                    "(something in this process read and closed that file, or somebody removed it); nothing of the step was "
                    "written; end all processes that have this state open, start them again, and leave the file alone");
  write_turns(txn, turns_ + 1);
}

// Puts the cursor on the item's row and reads it; false where there is none.
bool folding::load_row(write_transaction& txn, item_address address) {
  row_.clear();
  outside_.clear();
  long_size_ = 0;
  if (address >= items_end_) return false;
  const auto name = item_key(address);
  MDB_val key = to_lmdb(name);
  MDB_val value{};
  const int status = ::mdb_cursor_get(items_, &key, &value, MDB_SET);
  if (status == MDB_NOTFOUND) return false;
  env_.check(status, "read");
  const auto entry = txn.view(value);
  long_size_ = long_row_size(entry, address);
  // A copy: what LMDB gave dies at the next write.
  if (long_size_ != 0)
    get_chunks(txn, address, row_part_number, long_size_, old_bytes_);
  else
    old_bytes_.assign(entry.begin(), entry.end());
  read_row(old_bytes_, address, row_part::whole, row_);
  for (const row_value& one : row_.values)
    if (one.place != value_place::in_row) outside_.push_back(one);
  return true;
}

bool folding::fold_checkpoints(const batch& checkpoints, const batch::run& run) {
  bool changed = false;
  const std::size_t unused_before = unused_.size();
  for (std::size_t place = run.first; place < run.last; ++place) {
    const checkpoint next = checkpoints.at(place);
    // The writes that go with it are made in any case: it must be news, and nothing be missing in front of it.
    if (checkpoints.arrival_of(place) >= strict_from_ && next.header.sequence != row_.sequence + 1)
      throw error(errc::damaged, "lmdb: the transaction of item " + std::to_string(next.header.item) + " of workflow " +
                                     std::to_string(next.header.workflow) +
                                     " does not follow what is stored of it; nothing of it was written; run `pawl "
                                     "verify` on the state and report this");
    if (!fold(row_, next)) continue;
    changed = true;
    if ((next.header.flags & checkpoint_flag::large) != 0) unused_.push_back(blob_of(next));
  }
  for (const row_value& one : row_.values)
    if (one.place == value_place::file && unused_.size() != unused_before)
      unused_.erase(std::remove(unused_.begin() + static_cast<std::ptrdiff_t>(unused_before), unused_.end(),
                                blob_name{one.epoch, one.file_number}),
                    unused_.end());
  return changed;
}

// Removes what the row no longer names. A value in chunks that fold left alone has no bytes at hand;
// one that it replaced lies in the row (for now) or in a file.
void folding::drop_outside(write_transaction& txn, item_address address) {
  for (const row_value& old : outside_) {
    const row_value* now = row_.value(old.number);
    const bool same_file = now != nullptr && now->place == value_place::file && now->epoch == old.epoch &&
                           now->file_number == old.file_number;
    const bool stays =
        now != nullptr && now->place == old.place && (old.place == value_place::chunks || same_file);
    if (stays) continue;
    if (old.place == value_place::chunks) {
      erase_chunks(txn, address, old.number, 0, old.size);
      pages_ += 2 + chunks_of(old.size) / 64;
    } else {
      txn.erase(env_.in().files, file_key(old.epoch, old.file_number));
      unnamed_.push_back({old.epoch, old.file_number});
      ++pages_;
    }
  }
}

void folding::name_files(write_transaction& txn, item_address address) {
  for (const row_value& now : row_.values) {
    if (now.place != value_place::file) continue;
    const bool known = std::any_of(outside_.begin(), outside_.end(), [&](const row_value& old) {
      return old.place == value_place::file && old.epoch == now.epoch &&
             old.file_number == now.file_number;
    });
    if (known) continue;
    txn.put(env_.in().files, file_key(now.epoch, now.file_number), std::as_bytes(std::span{&address, 1}));
    named_.push_back({now.epoch, now.file_number});
    ++pages_;
  }
}

void folding::move_to_chunks(write_transaction& txn, item_address address, row_value& value) {
  put_chunks(txn, address, value.number, value.bytes);
  pages_ += chunks_of(value.size) + 2;
  value.place = value_place::chunks;
  value.crc = crc32c(value.bytes);
  value.bytes = {};
}

// Its own transaction flushes it: see name_files.
void folding::move_to_file(row_value& value) {
  const large_object named = blobs_.store_flushed(value.schema_hash, value.bytes);
  value.place = value_place::file;
  value.epoch = named.epoch;
  value.file_number = named.number;
  value.crc = named.crc;
  value.bytes = {};
}

void folding::move_out(write_transaction& txn, item_address address, row_value& value) {
  if (value.size > large_threshold_) move_to_file(value);
  else move_to_chunks(txn, address, value);
}

// The row's bytes, with the largest values moved out until it fits its page or nothing is left to move.
std::span<const std::byte> folding::place_row(write_transaction& txn, item_address address) {
  for (row_value& one : row_.values)
    if (one.bytes.size() > value_size_max_in_row) move_out(txn, address, one);
  for (;;) {
    const auto bytes = write_row(row_, address, new_bytes_);
    if (bytes.size() <= row_size_max_in_page) return bytes;
    const auto largest = std::max_element(row_.values.begin(), row_.values.end(),
                                          [](const auto& a, const auto& b) { return a.bytes.size() < b.bytes.size(); });
    if (largest == row_.values.end() || largest->bytes.size() < value_size_worth_moving) return bytes;
    move_to_chunks(txn, address, *largest);
  }
}

void folding::store_row(write_transaction& txn, item_address address, std::span<const std::byte> bytes) {
  std::array<std::byte, long_row_stub_size> stub;
  const bool is_long = bytes.size() > row_size_max_in_page;
  if (is_long) {
    if (bytes.size() > long_row_size_max)
      throw error(errc::too_large, "lmdb: the record of item " + std::to_string(item_of_address(address)) +
                                       " exceeds 16 MiB: too many steps keep results; keep fewer");
    put_chunks(txn, address, row_part_number, bytes);
    pages_ += chunks_of(bytes.size()) + 2;
    stub = long_row_stub(static_cast<std::uint32_t>(bytes.size()));
  }
  if (long_size_ != 0) erase_chunks(txn, address, row_part_number, is_long ? chunks_of(bytes.size()) : 0, long_size_);
  const auto name = item_key(address);
  MDB_val key = to_lmdb(name);
  MDB_val value = to_lmdb(is_long ? std::span<const std::byte>(stub) : bytes);
  unsigned flags = 0;
  if (in_items_)
    flags = MDB_CURRENT;  // load_row left the cursor there
  else if (address >= items_end_)
    flags = MDB_APPEND;
  env_.check(::mdb_cursor_put(items_, &key, &value, flags), "write");
  items_end_ = std::max(items_end_, address + 1);
}

void folding::mark_state(write_transaction& txn, item_address address, const counted_row& before) {
  const bool was_listed = before.exists && listed(before.state);
  if (was_listed && row_.state == before.state) return;
  if (was_listed) txn.erase(env_.in().states, state_key(before.state, address));
  if (listed(row_.state)) txn.put(env_.in().states, state_key(row_.state, address), {});
  if (was_listed || listed(row_.state)) bytes_ += 64;
}

void folding::count_pages(item_address address, std::size_t row_size) {
  if (address - previous_ > near_enough) ++pages_;
  previous_ = address;
  bytes_ += 2 * std::min(row_size, row_size_max_in_page);
  pages_ += bytes_ / page_size;
  bytes_ %= page_size;
}

// Keys that come in ascending order share the pages of the index; others may each need one.
void folding::take_new_key(item_address address) {
  const bool ascending = new_keys_.add({workflow_of_address(address), item_of_address(address), row_.key});
  if (ascending)
    bytes_ += 2 * (std::min(row_.key.size(), index_key_size_max) + 24);
  else
    ++pages_;
}

void folding::finish(write_transaction& txn, folding_totals& totals) {
  totals.flushes += blobs_.make_durable(named_);
  const std::uint64_t number = txn.number();
  txn.commit("commit", 2 * pages_ + pages_of_few_records);
  ++totals.commits;
  totals.flushes += 2;  // LMDB flushes the pages and then the meta page
  blobs_.forget(named_);
  blobs_.discard(number, unused_);
  for (const blob_name name : unnamed_) blobs_.drop_after(number, name);
  blobs_.remove_dropped(env_);
  env_.clear_dead_readers();
}

}  // namespace pawl::core
