#include "lmdb/copy_trees.hpp"

#include "file/file_system.hpp"
#include "lmdb/long_values.hpp"
#include "lmdb/tables.hpp"
#include "record/row.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace pawl::core {
namespace {

using bytes = std::span<const std::byte>;

constexpr std::uint64_t bytes_of_a_commit = std::uint64_t{24} << 20;  // far from what LMDB can hold of dirty pages
constexpr std::uint64_t entries_between_progress = 4096;

bytes as_bytes(std::string_view text) noexcept { return std::as_bytes(std::span{text}); }

// The new file, written in commits of some MiB.
class fresh_trees {
public:
  explicit fresh_trees(const std::filesystem::path& directory) : env_(directory, access_mode::create, default_map_size(), {}) {
    begin();
  }

  // Behind all others of the tree.
  void append(MDB_dbi into, bytes key, bytes value) { put(into, key, value, MDB_APPEND); }
  // Anywhere.
  void insert(MDB_dbi into, bytes key, bytes value) { put(into, key, value, 0); }
  [[nodiscard]] const sub_databases& in() const noexcept { return env_.in(); }
  [[nodiscard]] write_transaction& txn() noexcept { return *txn_; }

  void commit() {
    txn_->commit("commit", bytes_ / 2048 + pages_of_few_records);
    bytes_ = 0;
    begin();
  }
  // The last commit and one more: either of the two meta pages has all of it.
  void finish() {
    for (int metas = 2; metas > 0; --metas) {
      write_opening(*txn_, read_opening(*txn_));
      commit();
    }
    txn_.reset();
    env_.check(::mdb_env_sync(env_.handle(), 1), "flush");
  }

private:
  void begin() { txn_.emplace(env_); }

  void put(MDB_dbi into, bytes key, bytes value, unsigned flags) {
    MDB_val name = to_lmdb(key);
    MDB_val content = to_lmdb(value);
    env_.check(::mdb_put(txn_->handle(), into, &name, &content, flags), "write");
    // What is not appended may make a page of its own dirty.
    bytes_ += flags != 0 ? key.size() + value.size() + 16 : 2048;
    if (bytes_ >= bytes_of_a_commit) commit();
  }

  environment env_;
  std::optional<write_transaction> txn_;
  std::uint64_t bytes_ = 0;
};

class tree_copier {
public:
  tree_copier(const read_transaction& from, const std::filesystem::path& directory, const copy_plan& plan)
      : from_(from), in_(from.env().in()), plan_(plan), fresh_(directory) {
    MDB_stat stat{};
    for (const MDB_dbi one : {in_.items, in_.index, in_.chunks, in_.tables}) {
      if (one == 0) continue;
      from_.env().check(::mdb_stat(from_.handle(), one, &stat), "read");
      entries_ += stat.ms_entries;
    }
  }

  void copy() {
    copy_records();
    copy_all(in_.chunks, fresh_.in().chunks);
    if (plan_.derive) {
      derive_from_tables();
      derive_from_rows();
      write_counts();
    } else {
      if (in_.tables != 0) copy_all(in_.tables, fresh_.in().tables);
      for (const auto& [one, other] : {std::pair{in_.items, fresh_.in().items}, std::pair{in_.index, fresh_.in().index},
                                       std::pair{in_.states, fresh_.in().states}, std::pair{in_.files, fresh_.in().files}})
        copy_all(one, other);
    }
    fresh_.finish();
  }

private:
  template <class Each>
  void each(MDB_dbi in, Each&& take) {
    read_cursor cursor(from_, in);
    bytes key;
    bytes value;
    for (bool there = cursor.move(MDB_FIRST, key, value); there; there = cursor.move(MDB_NEXT, key, value)) {
      take(key, value);
      if (++done_ % entries_between_progress == 0 && plan_.progress) plan_.progress({"entries", done_, entries_});
    }
  }
  void copy_all(MDB_dbi in, MDB_dbi into) {
    each(in, [&](bytes key, bytes value) { fresh_.append(into, key, value); });
  }

  void copy_records() {
    each(in_.meta, [&](bytes key, bytes value) {
      const std::string_view name(reinterpret_cast<const char*>(key.data()), key.size());
      const bool is_counter = plan_.derive && (name.starts_with('c') || name.starts_with('h'));
      const bool is_of_processes = name.starts_with('p') || name.starts_with('u');  // who shared the state: not the copy
      if (!is_counter && !is_of_processes) fresh_.append(fresh_.in().meta, key, value);
    });
    if (!plan_.identity) return;
    write_identity(fresh_.txn(), *plan_.identity);
    write_mark(fresh_.txn(), {});
  }

  void derive_from_tables() {
    if (in_.tables == 0) return;
    std::vector<table_record> tables = read_table_records(from_);
    for (table_record& one : tables) one.entries = 0;
    each(in_.tables, [&](bytes key, bytes value) {
      fresh_.append(fresh_.in().tables, key, value);
      const auto id = key.size() >= table_id_size ? read_big_endian(key.first(table_id_size)) : tables.size();
      if (id < tables.size()) ++tables[static_cast<std::size_t>(id)].entries;
    });
    for (const table_record& one : tables) write_table_record(fresh_.txn(), one);
  }

  void derive_from_rows() {
    std::vector<std::byte> room;
    std::vector<std::byte> entry;
    row one;
    each(in_.items, [&](bytes key, bytes value) {
      const item_address address = read_big_endian(key);
      read_row(whole_row(from_, address, value, room), address, row_part::whole, one);
      fresh_.append(fresh_.in().items, key, value);
      insert_key(address, one.key, entry);
      if (one.state == item_state::failed || one.state == item_state::skipped)
        fresh_.insert(fresh_.in().states, state_key(one.state, address), {});
      for (const row_value& held : one.values)
        if (held.place == value_place::file)
          fresh_.insert(fresh_.in().files, file_key(held.epoch, held.file_number), std::as_bytes(std::span{&address, 1}));
      counted& counts = counts_[workflow_of_address(address)];
      ++counts.counters.by_state[static_cast<std::size_t>(one.state)];
      counts.counters.next_item = item_of_address(address) + 1;
      auto& reached = counts.reached[one.revision];
      if (reached.size() <= one.reached) reached.resize(one.reached + std::size_t{1});
      ++reached[one.reached];
    });
  }

  void insert_key(item_address address, std::string_view typed_key, std::vector<std::byte>& entry) {
    lmdb_key name;
    make_index_key(from_.env().salt(), workflow_of_address(address), typed_key, name);
    const item_id mine = item_of_address(address);
    std::vector<std::byte> ids;
    // Keys of the same hash share an entry.
    if (const auto there = fresh_.txn().get(fresh_.in().index, name.bytes())) {
      const auto old = ids_of_index_entry(name.bytes(), *there);
      ids.assign(old.begin(), old.end());
    }
    const auto id = std::as_bytes(std::span{&mine, 1});
    ids.insert(ids.end(), id.begin(), id.end());
    make_index_entry(name.bytes(), ids, entry);
    fresh_.insert(fresh_.in().index, name.bytes(), entry);
  }

  void write_counts() {
    from_.each_record(as_bytes("w"), [&](bytes key, bytes) {
      if (key.size() != 3) return;
      const auto id = static_cast<workflow_id>(read_big_endian(key.subspan(1)));
      counted& now = counts_[id];
      now.counters.next_item = std::max(now.counters.next_item, next_item_of(id));
      write_counters(fresh_.txn(), id, now.counters);
      for (const auto& [revision, histogram] : now.reached) write_histogram(fresh_.txn(), id, revision, histogram);
    });
  }
  // What is recorded of it counts also where items were removed; where that is damaged, items tell.
  [[nodiscard]] item_id next_item_of(workflow_id id) const {
    try {
      const auto counters = read_counters(from_, id);
      return counters ? counters->next_item : 0;
    } catch (const error& failure) {
      if (failure.code() != errc::damaged) throw;
      return 0;
    }
  }

  struct counted {
    workflow_counters counters;
    std::map<revision_id, std::vector<std::uint64_t>> reached;
  };

  const read_transaction& from_;
  const sub_databases& in_;
  const copy_plan& plan_;
  fresh_trees fresh_;
  std::map<workflow_id, counted> counts_;
  std::uint64_t entries_ = 0;
  std::uint64_t done_ = 0;
};

}  // namespace

void copy_trees(const read_transaction& from, const std::filesystem::path& directory, const copy_plan& plan) {
  tree_copier(from, directory, plan).copy();
}

}  // namespace pawl::core
