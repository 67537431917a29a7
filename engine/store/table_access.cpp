#include "store/table_access.hpp"

#include "record/key.hpp"

#include <pawl/error.hpp>

#include <algorithm>

namespace pawl::core {
namespace {

// Of a group: LMDB's list of dirty pages holds 131,071, and each entry may need one.
constexpr std::size_t entries_of_a_group = 16'000;
constexpr std::uint64_t bytes_of_a_group = std::uint64_t{16} << 20;
// Of one call.
constexpr std::size_t entries_of_a_call = 50'000;
constexpr std::uint64_t bytes_of_a_call = std::uint64_t{64} << 20;

table_schema schema_of(const detail::table_desc& table) {
  const schema& key = table.key();
  const schema& value = table.value();
  return {table.name, key.hash(), value.hash(), key.canonical(), value.canonical()};
}

void make_whole_key(const detail::table_desc& table, table_id id, std::string_view key, std::string& into) {
  if (key.size() > table_key_size_max - table_id_size)
    throw error(errc::too_large, "table '" + std::string(table.name) + "': a key has " + std::to_string(key.size() - 1) +
                                     " bytes; at most 508 are stored, use a hash of it as the key");
  into.resize(table_id_size);
  into[0] = static_cast<char>(id >> 8);
  into[1] = static_cast<char>(id & 0xff);
  into += key;
}

bool same_table(std::string_view a, std::string_view b) noexcept {
  return a.substr(0, table_id_size) == b.substr(0, table_id_size);
}

std::span<const std::byte> as_bytes(std::string_view text) noexcept { return std::as_bytes(std::span{text}); }

}  // namespace

std::optional<table_id> known_tables::find(const detail::table_desc& table, table_snapshot& in) {
  for (const auto& [desc, id] : known_)
    if (desc == &table) return id;
  for (const table_record& one : in.tables()) {
    if (one.name != table.name) continue;
    check_table(one, schema_of(table));
    known_.emplace_back(&table, one.id);
    return one.id;
  }
  return std::nullopt;
}

table_id known_tables::open(const detail::table_desc& table, table_store& in) {
  for (const auto& [desc, id] : known_)
    if (desc == &table) return id;
  const table_id id = in.open_table(schema_of(table));
  known_.emplace_back(&table, id);
  return id;
}

bool viewed_tables::get(const detail::table_desc& table, std::string_view key, std::span<const std::byte>& value) {
  const auto id = known_.find(table, *snapshot_);
  if (!id) return false;
  make_whole_key(table, *id, key, whole_);
  return snapshot_->get(whole_, value);
}

bool viewed_tables::seek(const detail::table_desc& table, std::string& key, bool behind,
                         std::span<const std::byte>& value) {
  const auto id = known_.find(table, *snapshot_);
  if (!id) return false;
  make_whole_key(table, *id, key, whole_);
  std::string found = whole_;
  if (!snapshot_->seek(found, behind, value) || !same_table(found, whole_)) return false;
  key = found.substr(table_id_size);
  return true;
}

bool open_transaction::get(const detail::table_desc& table, std::string_view key, std::span<const std::byte>& value) {
  const auto id = known_.find(table, *snapshot_);
  if (!id) return false;
  make_whole_key(table, *id, key, whole_);
  if (const table_writes::change* last = written(whole_)) {
    value = as_bytes(last->value);
    return !last->erased;
  }
  return snapshot_->get(whole_, value);
}

// What was written last of this key; null where nothing was. The snapshot may or may not have what the group in front has
// written: it is the same.
const table_writes::change* open_transaction::written(std::string_view whole) const {
  if (const table_writes::change* own = writes_.find(whole)) return own;
  return before_ != nullptr ? before_->find(whole) : nullptr;
}

// The next key of the same table that was written, as table_snapshot::seek.
bool open_transaction::seek_written(std::string& whole, bool behind, const table_writes::change*& found) const {
  const std::string* least = nullptr;
  for (const table_writes* one : {before_, &writes_}) {  // of two with the same key the later one
    if (one == nullptr) continue;
    const table_writes::changes& all = one->all();
    const auto at = behind ? all.upper_bound(whole) : all.lower_bound(whole);
    if (at == all.end() || !same_table(at->first, whole) || (least != nullptr && *least < at->first)) continue;
    least = &at->first;
    found = &at->second;
  }
  if (least == nullptr) return false;
  whole = *least;
  return true;
}

// The next entry of the snapshot or of what was written, whichever comes first; of two with the same key the written one.
bool open_transaction::seek(const detail::table_desc& table, std::string& key, bool behind,
                            std::span<const std::byte>& value) {
  const auto id = known_.find(table, *snapshot_);
  if (!id) return false;
  make_whole_key(table, *id, key, whole_);
  for (;; behind = true) {
    std::string changed = whole_;
    const table_writes::change* last = nullptr;
    const bool any_written = seek_written(changed, behind, last);
    std::string stored = whole_;
    const bool any_stored = snapshot_->seek(stored, behind, value) && same_table(stored, whole_);
    if (!any_written && !any_stored) return false;
    const bool take_written = any_written && (!any_stored || changed <= stored);
    whole_ = take_written ? changed : stored;
    if (take_written && last->erased) continue;
    if (take_written) value = as_bytes(last->value);
    key = whole_.substr(table_id_size);
    return true;
  }
}

void open_transaction::put(const detail::table_desc& table, std::string_view key, std::span<const std::byte> value) {
  if (value.size() > table_value_size_max)
    throw error(errc::too_large, "table '" + std::string(table.name) + "': a value of " + std::to_string(value.size()) +
                                     " bytes exceeds 1 MiB; split it over several keys, or keep it in a file of your own");
  make_whole_key(table, known_.open(table, store_), key, whole_);
  check_room(table, value.size());
  writes_.put(whole_, value);
}

bool open_transaction::erase(const detail::table_desc& table, std::string_view key) {
  std::span<const std::byte> value;
  if (!get(table, key, value)) return false;
  check_room(table, 0);
  writes_.erase(whole_);
  return true;
}

bool open_transaction::full() const noexcept {
  return writes_.all().size() >= entries_of_a_group || writes_.bytes() >= bytes_of_a_group;
}

void open_transaction::check_room(const detail::table_desc& table, std::size_t more) const {
  if (writes_.unkept() < entries_of_a_call && writes_.unkept_bytes() + more <= bytes_of_a_call) return;
  throw error(errc::too_large, "table '" + std::string(table.name) +
                                   "': one transaction would write more than 50,000 entries or 64 MiB; split its item "
                                   "into several");
}

}  // namespace pawl::core

namespace pawl::detail {

void table_key::number(bool negative, std::uint64_t twos_complement) {
  core::key_writer(bytes_).number(negative, twos_complement);
}

void table_key::text(std::string_view bytes) { core::key_writer(bytes_).text(bytes); }

void split_table_key(std::string_view typed_key, std::uint64_t& number, std::string_view& text) {
  const core::key_parts parts = core::split_key(typed_key);
  number = parts.number;
  text = parts.text;
}

}  // namespace pawl::detail
