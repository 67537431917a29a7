#include "lmdb/tables.hpp"

#include "lmdb/catalogue.hpp"
#include "lmdb/long_values.hpp"
#include "record/bytes.hpp"
#include "store/crc32c.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

namespace pawl::core {
namespace {

constexpr std::size_t sum_size = sizeof(std::uint32_t);
constexpr std::size_t head_size = sum_size + 1;          // in front of a value that lies with its key
constexpr std::size_t value_size_max_in_place = 1400;    // a page holds at least two entries, whatever their keys
constexpr std::size_t page_size = 4096;
constexpr workflow_id chunks_of_tables = 0;              // workflows count from 1
enum class entry_place : std::uint8_t { here = 0, chunks = 1 };

struct long_value {
  std::uint32_t size = 0;
  std::uint32_t crc = 0;
  std::uint64_t number = 0;
};
constexpr std::size_t stub_size = head_size + 4 + 4 + 8;

std::span<const std::byte> as_bytes(std::string_view text) noexcept { return std::as_bytes(std::span{text}); }
std::string_view as_text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

lmdb_key table_record_key(table_id id) { return std::move(lmdb_key().text("t").big_endian(id, sizeof id)); }

[[noreturn]] void throw_damaged(const environment& env, std::span<const std::byte> key) {
  throw error(errc::damaged, "lmdb: an entry of table " + std::to_string(read_big_endian(key.first(table_id_size))) +
                                 " in " + env.state().string() +
                                 " does not match its checksum; run `pawl verify` on the state or restore a backup");
}

// What stands behind the checksum, which is right.
std::span<const std::byte> checked_entry(const environment& env, std::span<const std::byte> key,
                                         std::span<const std::byte> entry) {
  std::uint32_t sum = 0;
  if (key.size() < table_id_size) throw error(errc::damaged, "lmdb: a key of a table in " + env.state().string() +
                                                                 " is cut off; restore a backup");
  if (entry.size() < head_size) throw_damaged(env, key);
  std::memcpy(&sum, entry.data(), sum_size);
  if (sum != crc32c(entry.subspan(sum_size), crc32c(key))) throw_damaged(env, key);
  return entry.subspan(sum_size);
}

bool lies_in_chunks(const environment& env, std::span<const std::byte> key, std::span<const std::byte> entry,
                    long_value& found) {
  const auto body = checked_entry(env, key, entry);
  byte_reader in(body);
  const auto place = in.fixed<std::uint8_t>();
  if (place == static_cast<std::uint8_t>(entry_place::here)) return false;
  found.size = in.fixed<std::uint32_t>();
  found.crc = in.fixed<std::uint32_t>();
  found.number = in.fixed<std::uint64_t>();
  const bool good = place == static_cast<std::uint8_t>(entry_place::chunks) && !in.failed() && in.remaining() == 0 &&
                    found.size <= table_value_size_max && found.number >> item_bits == 0;
  if (!good) throw_damaged(env, key);
  return true;
}

// Writes entries in ascending order with one cursor.
class entry_writer {
public:
  explicit entry_writer(write_transaction& txn) : txn_(txn) {
    txn.env().check(::mdb_cursor_open(txn.handle(), txn.env().in().tables, &cursor_), "write");
    for (const table_record& one : read_table_records(txn)) records_.push_back({one, false});
  }

  void write(std::string_view key, const table_writes::change& change) {
    const auto name = as_bytes(key);
    pages_ += 1 + change.value.size() / page_size;
    if (change.erased) erase(name);
    else put(name, as_bytes(change.value));
  }

  std::uint64_t finish() {
    for (const auto& [record, changed] : records_)
      if (changed) write_table_record(txn_, record);
    if (next_number_known_) {
      txn_.put_record(lmdb_key().text("v").bytes(), std::as_bytes(std::span{&next_number_, 1}));
    }
    return pages_;
  }

private:
  void count(std::span<const std::byte> key, int change) {
    const auto id = static_cast<table_id>(read_big_endian(key.first(table_id_size)));
    if (id >= records_.size()) throw_damaged(txn_.env(), key);
    records_[id].record.entries += static_cast<std::uint64_t>(std::int64_t{change});
    records_[id].changed = true;
  }

  void put(std::span<const std::byte> key, std::span<const std::byte> value) {
    make_entry(key, value);
    MDB_val name = to_lmdb(key);
    MDB_val content = to_lmdb(entry_);
    int status = ::mdb_cursor_put(cursor_, &name, &content, MDB_NOOVERWRITE);
    if (status == 0) {
      count(key, 1);
      return;
    }
    if (status != MDB_KEYEXIST) txn_.env().check(status, "write");
    drop_chunks(key, txn_.view(content));
    name = to_lmdb(key);
    content = to_lmdb(entry_);
    txn_.env().check(::mdb_cursor_put(cursor_, &name, &content, MDB_CURRENT), "write");
  }

  void erase(std::span<const std::byte> key) {
    MDB_val name = to_lmdb(key);
    MDB_val content{};
    const int status = ::mdb_cursor_get(cursor_, &name, &content, MDB_SET);
    if (status == MDB_NOTFOUND) return;
    txn_.env().check(status, "write");
    drop_chunks(key, txn_.view(content));
    txn_.env().check(::mdb_cursor_del(cursor_, 0), "write");
    count(key, -1);
  }

  // Chunks lie in a sub-database of their own: the cursor stays where it is.
  void drop_chunks(std::span<const std::byte> key, std::span<const std::byte> entry) {
    long_value old;
    if (entry.size() != stub_size || !lies_in_chunks(txn_.env(), key, entry, old)) return;
    erase_chunks(txn_, address_of(chunks_of_tables, old.number), 0, 0, old.size);
    pages_ += 2 + chunks_of(old.size);
  }

  void make_entry(std::span<const std::byte> key, std::span<const std::byte> value) {
    const bool here = value.size() <= value_size_max_in_place;
    entry_.resize(here ? head_size + value.size() : stub_size);
    byte_writer out(entry_.data() + sum_size);
    if (here) {
      out.fixed(static_cast<std::uint8_t>(entry_place::here));
      if (!value.empty()) std::memcpy(entry_.data() + head_size, value.data(), value.size());
    } else {
      const std::uint64_t number = next_number();
      put_chunks(txn_, address_of(chunks_of_tables, number), 0, value);
      pages_ += 2 + chunks_of(value.size());
      out.fixed(static_cast<std::uint8_t>(entry_place::chunks));
      out.fixed(static_cast<std::uint32_t>(value.size()));
      out.fixed(crc32c(value));
      out.fixed(number);
    }
    const std::uint32_t sum = crc32c(std::span<const std::byte>(entry_).subspan(sum_size), crc32c(key));
    std::memcpy(entry_.data(), &sum, sum_size);
  }

  std::uint64_t next_number() {
    if (!next_number_known_) {
      const auto body = txn_.get_record(lmdb_key().text("v").bytes());
      if (body && body->size() == sizeof next_number_) std::memcpy(&next_number_, body->data(), sizeof next_number_);
      next_number_known_ = true;
    }
    return next_number_++;
  }

  struct counted_table {
    table_record record;
    bool changed;
  };

  write_transaction& txn_;
  MDB_cursor* cursor_ = nullptr;  // ends with the transaction
  std::vector<counted_table> records_;
  std::vector<std::byte> entry_;
  std::uint64_t pages_ = 0;
  std::uint64_t next_number_ = 0;
  bool next_number_known_ = false;
};

}  // namespace

std::vector<table_record> read_table_records(const transaction& txn) {
  std::vector<table_record> all;
  txn.each_record(lmdb_key().text("t").bytes(), [&](auto key, auto body) {
    byte_reader in(body);
    table_record one;
    one.id = static_cast<table_id>(read_big_endian(key.subspan(1)));
    one.key_schema = in.fixed<std::uint64_t>();
    one.value_schema = in.fixed<std::uint64_t>();
    one.entries = in.fixed<std::uint64_t>();
    if (in.failed() || key.size() != 1 + table_id_size || one.id != all.size())
      throw error(errc::damaged, "lmdb: the list of tables in " + txn.env().state().string() +
                                     " is damaged; run `pawl verify` on it or restore a backup");
    one.name = as_text(in.take(in.remaining()));
    all.push_back(std::move(one));
  });
  return all;
}

void write_table_record(write_transaction& txn, const table_record& record) {
  std::string body;
  for (const std::uint64_t number : {record.key_schema, record.value_schema, record.entries})
    body.append(as_text(std::as_bytes(std::span{&number, 1})));
  body.append(record.name);
  txn.put_record(table_record_key(record.id).bytes(), as_bytes(body));
}

table_id record_table(write_transaction& txn, const table_schema& table, bool& changed) {
  changed = false;
  const std::vector<table_record> known = read_table_records(txn);
  for (const table_record& one : known) {
    if (one.name != table.name) continue;
    check_table(one, table);
    return one.id;
  }
  if (known.size() > std::numeric_limits<table_id>::max())
    throw error(errc::too_large, "lmdb: " + txn.env().state().string() + " has no room for more than 65,536 tables; use "
                                                                         "keys instead of so many tables");
  changed = true;
  record_schema(txn, {table.key_schema, table.key_text});
  record_schema(txn, {table.value_schema, table.value_text});
  table_record fresh;
  fresh.id = static_cast<table_id>(known.size());
  fresh.name = table.name;
  fresh.key_schema = table.key_schema;
  fresh.value_schema = table.value_schema;
  write_table_record(txn, fresh);
  return fresh.id;
}

std::uint64_t write_entries(write_transaction& txn, const table_writes& writes) {
  if (writes.all().empty()) return 0;
  entry_writer out(txn);
  for (const auto& [key, change] : writes.all()) out.write(key, change);
  return out.finish();
}

entry_chunks check_entry(const transaction& txn, std::span<const std::byte> key, std::span<const std::byte> entry,
                         std::vector<std::byte>& room) {
  long_value found;
  if (!lies_in_chunks(txn.env(), key, entry, found)) return {};
  get_chunks(txn, address_of(chunks_of_tables, found.number), 0, found.size, room);
  if (crc32c(room) != found.crc) throw_damaged(txn.env(), key);
  return {found.number, chunks_of(found.size)};
}

lmdb_table_snapshot::lmdb_table_snapshot(std::shared_ptr<const environment> env) : env_(std::move(env)), txn_(*env_) {
  if (env_->in().tables != 0) cursor_ = std::make_unique<read_cursor>(txn_, env_->in().tables);
}

std::span<const std::byte> lmdb_table_snapshot::value_of(std::span<const std::byte> key,
                                                         std::span<const std::byte> entry) {
  return check_entry(txn_, key, entry, room_).count == 0 ? entry.subspan(head_size) : std::span<const std::byte>(room_);
}

// Where a key is not found, a damaged one that should be it would lie beside it.
void lmdb_table_snapshot::check_beside(std::span<const std::byte> key) {
  std::span<const std::byte> name = key;
  std::span<const std::byte> entry;
  const bool there = cursor_->move(MDB_SET_RANGE, name, entry);
  if (there) static_cast<void>(checked_entry(*env_, name, entry));
  if (cursor_->move(there ? MDB_PREV : MDB_LAST, name, entry)) static_cast<void>(checked_entry(*env_, name, entry));
}

bool lmdb_table_snapshot::get(std::string_view key, std::span<const std::byte>& value) {
  if (!cursor_) return false;
  const auto entry = txn_.get(env_->in().tables, as_bytes(key));
  if (!entry) {
    check_beside(as_bytes(key));
    return false;
  }
  value = value_of(as_bytes(key), *entry);
  return true;
}

bool lmdb_table_snapshot::seek(std::string& key, bool behind, std::span<const std::byte>& value) {
  if (!cursor_) return false;
  if (!behind) check_beside(as_bytes(key));
  std::span<const std::byte> name = as_bytes(key);
  std::span<const std::byte> entry;
  if (!cursor_->move(MDB_SET_RANGE, name, entry)) return false;
  if (behind && as_text(name) == key && !cursor_->move(MDB_NEXT, name, entry)) return false;
  value = value_of(name, entry);
  key = as_text(name);
  return true;
}

std::string lmdb_table_snapshot::schema(std::uint64_t hash) { return read_schema(txn_, hash); }

}  // namespace pawl::core
