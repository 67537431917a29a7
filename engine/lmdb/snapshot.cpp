#include "lmdb/snapshot.hpp"

#include "lmdb/catalogue.hpp"
#include "lmdb/long_values.hpp"
#include "store/crc32c.hpp"
#include "store/stored.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace pawl::core {
namespace {

[[noreturn]] void throw_contradiction(const environment& env, item_address address, const char* what) {
  throw error(errc::damaged, "lmdb: " + std::string(what) + " item " + std::to_string(item_of_address(address)) +
                                 " of workflow " + std::to_string(workflow_of_address(address)) + " in " +
                                 env.state().string() + "; run `pawl verify --repair` on it");
}

}  // namespace

lmdb_snapshot::lmdb_snapshot(std::shared_ptr<const environment> env, std::shared_ptr<const blob_store> blobs)
    : env_(std::move(env)),
      blobs_(std::move(blobs)),
      txn_(*env_),
      items_(txn_, env_->in().items),
      index_(txn_, env_->in().index) {}

void lmdb_snapshot::refresh() {
  txn_.renew();
  items_.renew();
  index_.renew();
  place_ = place::nowhere;
  knows_greatest_ = false;
  expected_.clear();
  expected_next_ = 0;
}

log_position lmdb_snapshot::seen() {
  const journal_mark now = mark();
  return now.drained ? everything : now.applied;
}

void lmdb_snapshot::show(item_address address, std::span<const std::byte> bytes, stored_item& into, bool whole) {
  read_row(bytes, address, whole ? row_part::whole : row_part::head, row_);
  show_row(row_, item_of_address(address), into);
}

// Where keys come in the order of ids, the next row is nearly always the one. Else those that will be asked for are
// searched together, which takes a fraction of the time of a search for each.
void lmdb_snapshot::expect(workflow_id workflow, std::span<const std::string_view> keys) {
  env_->check_process();
  expected_.clear();
  expected_next_ = 0;
  const bool scattered = std::exchange(strayed_, 0) * 2 > std::exchange(looked_, 0);
  if (!scattered) return;
  expected_names_.clear();
  lmdb_key name;
  for (const std::string_view key : keys) {
    // One that is longer is looked for when its turn comes.
    if (!make_index_key(env_->salt(), workflow, key, name)) continue;
    expected_.push_back({expected_names_.size(), name.bytes().size(), 0, {}});
    expected_names_.insert(expected_names_.end(), name.bytes().begin(), name.bytes().end());
  }
  look_for_expected(workflow);
}

void lmdb_snapshot::look_for_expected(workflow_id workflow) {
  searched_.clear();
  for (const expected_key& one : expected_) searched_.push_back({std::span(expected_names_).subspan(one.begin, one.size), {}});
  search_.find(txn_, "index", searched_);
  searched_rows_.resize(expected_.size());
  for (std::size_t i = 0; i < expected_.size(); ++i) {
    // The id is not checked: a row is what it leads to, and that is.
    const auto entry = searched_[i].value;
    item_id id = 0;
    searched_[i].key = {};
    if (entry.size() != sizeof(std::uint32_t) + sizeof id) continue;
    std::memcpy(&id, entry.data() + sizeof(std::uint32_t), sizeof id);
    if (id >> item_bits != 0) continue;
    expected_[i].address = address_of(workflow, id);
    searched_rows_[i] = item_key(expected_[i].address);
    searched_[i].key = searched_rows_[i];
  }
  search_.find(txn_, "items", searched_);
  for (std::size_t i = 0; i < expected_.size(); ++i) expected_[i].row = searched_[i].value;
}

// The key that is expected next, if it is this one.
const lmdb_snapshot::expected_key* lmdb_snapshot::take_expected(workflow_id workflow, std::string_view key) {
  if (expected_next_ == expected_.size()) return nullptr;
  const expected_key& one = expected_[expected_next_];
  const auto name = std::span(expected_names_).subspan(one.begin, one.size);
  if (read_big_endian(name.first(sizeof workflow)) != workflow) return nullptr;
  if (!std::ranges::equal(name.subspan(sizeof workflow), std::as_bytes(std::span{key}))) return nullptr;
  ++expected_next_;
  return &one;
}

// A row that is whole and has this key is the item's, however it was found.
bool lmdb_snapshot::show_expected(const expected_key& one, std::string_view key, stored_item& into, bool whole) {
  if (one.row.empty() || peek_row_key(one.row) != key) return false;
  if (item_of_address(one.address) != next_) ++strayed_;
  show(one.address, one.row, into, whole);
  place_ = place::nowhere;
  next_ = item_of_address(one.address) + 1;
  return true;
}

bool lmdb_snapshot::find(workflow_id workflow, std::string_view key, stored_item& into, bool whole) {
  env_->check_process();
  ++looked_;
  const expected_key* one = take_expected(workflow, key);
  if (one != nullptr ? show_expected(*one, key, into, whole) : show_next_if(workflow, key, into, whole)) return true;
  return find_by_index(workflow, key, into, whole);
}

// Steps to the row that comes next in the order of ids; false behind the workflow's last.
bool lmdb_snapshot::move_to_next(workflow_id workflow, std::span<const std::byte>& name,
                                 std::span<const std::byte>& entry) {
  if (place_workflow_ != workflow) {
    place_ = place::nowhere;
    place_workflow_ = workflow;
    next_ = 0;
  }
  if (place_ == place::at_end) return false;
  bool there = false;
  if (place_ == place::nowhere) {
    const auto from = item_key(address_of(workflow, next_));
    name = from;
    there = items_.move(MDB_SET_RANGE, name, entry);
  } else {
    there = items_.move(place_ == place::before_next ? MDB_NEXT : MDB_GET_CURRENT, name, entry);
  }
  there = there && workflow_of_address(read_big_endian(name)) == workflow;
  place_ = there ? place::at_next : place::at_end;
  return there;
}

bool lmdb_snapshot::show_next_if(workflow_id workflow, std::string_view key, stored_item& into, bool whole) {
  std::span<const std::byte> name;
  std::span<const std::byte> entry;
  if (!move_to_next(workflow, name, entry)) return false;
  const item_address address = read_big_endian(name);
  const auto bytes = whole_row(txn_, address, entry, long_row_);
  if (peek_row_key(bytes) != key) return false;
  show(address, bytes, into, whole);
  place_ = place::before_next;
  next_ = item_of_address(address) + 1;
  return true;
}

// A key behind the greatest is certainly not there: where keys come in order, that spares two searches for each.
bool lmdb_snapshot::is_behind_all(std::span<const std::byte> key) {
  if (!knows_greatest_) {
    std::span<const std::byte> name;
    std::span<const std::byte> entry;
    greatest_.clear();
    if (index_.move(MDB_LAST, name, entry)) {
      static_cast<void>(ids_of_index_entry(name, entry));
      if (name.size() > index_key_size_max) throw_contradiction(*env_, address_of(0, 0), "the index is damaged near");
      greatest_.text({reinterpret_cast<const char*>(name.data()), name.size()});
    }
    knows_greatest_ = true;
  }
  return std::ranges::lexicographical_compare(greatest_.bytes(), key);
}

// The ids of the items with this key of the index; none where it is not there, and its neighbours,
// next to which a damaged key would lie, are what they say they are.
std::span<const std::byte> lmdb_snapshot::ids_in_index(std::span<const std::byte> key) {
  std::span<const std::byte> name = key;
  std::span<const std::byte> entry;
  const bool has_next = index_.move(MDB_SET_RANGE, name, entry);
  if (has_next) {
    const auto ids = ids_of_index_entry(name, entry);
    if (std::ranges::equal(name, key)) return ids;
  }
  if (index_.move(has_next ? MDB_PREV : MDB_LAST, name, entry)) static_cast<void>(ids_of_index_entry(name, entry));
  return {};
}

bool lmdb_snapshot::find_by_index(workflow_id workflow, std::string_view key, stored_item& into, bool whole) {
  lmdb_key name;
  const bool exact = make_index_key(env_->salt(), workflow, key, name);
  if (is_behind_all(name.bytes())) return false;
  ++strayed_;
  for (auto ids = ids_in_index(name.bytes()); !ids.empty(); ids = ids.subspan(sizeof(item_id))) {
    item_id id = 0;
    std::memcpy(&id, ids.data(), sizeof id);
    if (id >> item_bits != 0) throw_contradiction(*env_, address_of(workflow, 0), "the index is damaged near");
    if (show_if(address_of(workflow, id), key, exact, into, whole)) return true;
  }
  return false;
}

bool lmdb_snapshot::show_if(item_address address, std::string_view key, bool exact, stored_item& into, bool whole) {
  const auto wanted = item_key(address);
  std::span<const std::byte> name = wanted;
  std::span<const std::byte> entry;
  place_ = place::nowhere;
  if (!items_.move(MDB_SET, name, entry)) throw_contradiction(*env_, address, "the index names a missing");
  show(address, whole_row(txn_, address, entry, long_row_), into, whole);
  if (into.key != key) {
    if (exact) throw_contradiction(*env_, address, "the index names by another key the");
    return false;
  }
  place_ = place::before_next;
  next_ = item_of_address(address) + 1;
  return true;
}

bool lmdb_snapshot::load(workflow_id workflow, item_id item, stored_item& into) {
  env_->check_process();
  const item_address address = address_of(workflow, item);
  const auto entry = item >> item_bits == 0 ? txn_.get(env_->in().items, item_key(address)) : std::nullopt;
  if (!entry) return false;
  show(address, whole_row(txn_, address, *entry, long_row_), into, true);
  return true;
}

std::span<const std::byte> lmdb_snapshot::row_bytes(item_address address) {
  env_->check_process();
  const auto entry = txn_.get(env_->in().items, item_key(address));
  return entry ? whole_row(txn_, address, *entry, long_row_) : std::span<const std::byte>{};
}

void lmdb_snapshot::scan(workflow_id workflow, item_id from, const item_state* state,
                         const std::function<bool(const stored_item&)>& each) {
  env_->check_process();
  if (from >> item_bits != 0) return;
  if (state != nullptr && (*state == item_state::failed || *state == item_state::skipped))
    scan_listed(workflow, from, *state, each);
  else
    scan_all(workflow, from, state, each);
}

// A damaged key can have moved out of what is scanned, but not past what lies beside it: so where a scan begins and where it
// ends, what lies there must be what it says it is. Else a scan would leave out an item without a word.
template <class Check>
void check_in_front(read_cursor& cursor, std::span<const std::byte> first, Check&& check) {
  std::span<const std::byte> name = first;
  std::span<const std::byte> entry;
  const bool there = cursor.move(MDB_SET_RANGE, name, entry);
  if (cursor.move(there ? MDB_PREV : MDB_LAST, name, entry)) check(name, entry);
}

// Where a row's checksum is wrong for the address that it lies at and right for one in this workflow that differs in a byte.
void lmdb_snapshot::check_row_at(workflow_id workflow, std::span<const std::byte> name, std::span<const std::byte> entry) {
  if (name.size() != sizeof(item_address)) throw_contradiction(*env_, address_of(workflow, 0), "a key is damaged beside");
  const item_address address = read_big_endian(name);
  std::vector<std::byte> room;
  std::span<const std::byte> bytes = entry;
  if (entry.size() == long_row_stub_size) {
    try {
      bytes = whole_row(txn_, address, entry, room);
    } catch (const error&) {
      return;  // whoever asks for it will be told
    }
  }
  const auto is_of = [&](item_address other) {
    std::uint32_t sum = 0;
    if (bytes.size() < row_fixed_size) return false;
    std::memcpy(&sum, bytes.data(), sizeof sum);
    return sum == crc32c(bytes.subspan(sizeof sum), crc32c(std::as_bytes(std::span{&other, 1})));
  };
  if (is_of(address)) return;
  for (unsigned byte = 0; byte < sizeof address; ++byte)
    for (std::uint64_t change = 1; change < 256; ++change) {
      const item_address other = address ^ change << (8 * byte);
      if (workflow_of_address(other) == workflow && is_of(other))
        throw_contradiction(*env_, other, "a damaged key hides");
    }
}

void lmdb_snapshot::check_listed_at(std::span<const std::byte> name) {
  const item_address address = name.size() == 9 ? read_big_endian(name.subspan(1)) : item_address{0};
  const auto entry = txn_.get(env_->in().items, item_key(address));
  row beside;
  std::vector<std::byte> room;
  try {
    if (entry) read_row(whole_row(txn_, address, *entry, room), address, row_part::head, beside);
  } catch (const error&) {
    return;  // whoever asks for it will be told
  }
  if (!entry || name.size() != 9 || beside.state != static_cast<item_state>(name[0]))
    throw_contradiction(*env_, address, "the list of failed and skipped items is wrong about");
}

void lmdb_snapshot::scan_all(workflow_id workflow, item_id from, const item_state* state,
                             const std::function<bool(const stored_item&)>& each) {
  read_cursor cursor(txn_, env_->in().items);
  const auto first = item_key(address_of(workflow, from));
  check_in_front(cursor, first, [&](auto before, auto bytes) { check_row_at(workflow, before, bytes); });
  std::span<const std::byte> name = first;
  std::span<const std::byte> entry;
  stored_item item;
  for (bool there = cursor.move(MDB_SET_RANGE, name, entry); there; there = cursor.move(MDB_NEXT, name, entry)) {
    const item_address address = read_big_endian(name);
    if (workflow_of_address(address) != workflow) return check_row_at(workflow, name, entry);
    show(address, whole_row(txn_, address, entry, long_row_), item, true);
    if (state != nullptr && item.state != *state) continue;
    if (!each(item)) return;
  }
}

void lmdb_snapshot::scan_listed(workflow_id workflow, item_id from, item_state state,
                                const std::function<bool(const stored_item&)>& each) {
  read_cursor cursor(txn_, env_->in().states);
  const auto first = state_key(state, address_of(workflow, from));
  check_in_front(cursor, first, [&](auto before, auto) { check_listed_at(before); });
  std::span<const std::byte> name = first;
  std::span<const std::byte> entry;
  stored_item item;
  for (bool there = cursor.move(MDB_SET_RANGE, name, entry); there; there = cursor.move(MDB_NEXT, name, entry)) {
    if (name.size() != first.size() || name[0] != first[0]) return check_listed_at(name);
    const item_address address = read_big_endian(name.subspan(1));
    if (workflow_of_address(address) != workflow) return check_listed_at(name);
    if (!load(workflow, item_of_address(address), item) || item.state != state)
      throw_contradiction(*env_, address, "the list of failed and skipped items is wrong about");
    if (!each(item)) return;
  }
}

void lmdb_snapshot::scan_keys(workflow_id workflow, std::string_view prefix,
                              const std::function<bool(item_id, std::string_view)>& each) {
  env_->check_process();
  lmdb_key first;
  if (!make_index_key(env_->salt(), workflow, prefix, first)) return;  // nothing that lies in the index begins like that
  read_cursor cursor(txn_, env_->in().index);
  const auto check = [](auto key, auto ids) { static_cast<void>(ids_of_index_entry(key, ids)); };
  check_in_front(cursor, first.bytes(), check);
  std::span<const std::byte> name = first.bytes();
  std::span<const std::byte> entry;
  for (bool there = cursor.move(MDB_SET_RANGE, name, entry); there; there = cursor.move(MDB_NEXT, name, entry)) {
    if (name.size() < first.bytes().size() || !std::ranges::equal(name.first(first.bytes().size()), first.bytes())) return check(name, entry);
    const auto key = name.subspan(sizeof workflow);
    for (auto ids = ids_of_index_entry(name, entry); !ids.empty(); ids = ids.subspan(sizeof(item_id))) {
      item_id id = 0;
      std::memcpy(&id, ids.data(), sizeof id);
      if (!each(id, {reinterpret_cast<const char*>(key.data()), key.size()})) return;
    }
  }
}

void lmdb_snapshot::fetch(workflow_id workflow, const stored_item& item, const stored_payload& payload,
                          std::vector<std::byte>& into) {
  env_->check_process();
  const item_address address = address_of(workflow, item.id);
  const auto entry = txn_.get(env_->in().items, item_key(address));
  row stored;
  if (entry) read_row(whole_row(txn_, address, *entry, fetched_row_), address, row_part::whole, stored);
  const row_value* value = stored.value(payload.part);
  if (!payload.present || value == nullptr)
    throw error(errc::not_found, "lmdb: item " + std::to_string(item.id) + " of workflow " + std::to_string(workflow) +
                                     " has no such value in this snapshot; load the item again");
  fetch_value(address, *value, into);
}

void lmdb_snapshot::fetch_value(item_address address, const row_value& value, std::vector<std::byte>& into) {
  if (value.place == value_place::file)
    return blobs_->read({value.epoch, value.file_number}, value.size, value.crc, into);
  if (value.place == value_place::in_row) {
    into.assign(value.bytes.begin(), value.bytes.end());
    return;
  }
  get_chunks(txn_, address, value.number, value.size, into);
  if (crc32c(into) != value.crc) throw_contradiction(*env_, address, "a value does not match its checksum:");
}

workflow_counts lmdb_snapshot::count(workflow_id workflow) {
  env_->check_process();
  return count_workflow(txn_, workflow);
}

std::vector<workflow_record> lmdb_snapshot::workflows() {
  env_->check_process();
  return read_workflows(txn_);
}

std::string lmdb_snapshot::schema(std::uint64_t hash) {
  env_->check_process();
  return read_schema(txn_, hash);
}

}  // namespace pawl::core
