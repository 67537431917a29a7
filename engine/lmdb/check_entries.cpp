#include "lmdb/check_entries.hpp"

#include "lmdb/catalogue.hpp"
#include "lmdb/long_values.hpp"
#include "lmdb/members.hpp"
#include "lmdb/tables.hpp"
#include "record/key.hpp"
#include "store/crc32c.hpp"

#include <pawl/error.hpp>
#include <pawl/schema.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace pawl::core {
namespace {

using bytes = std::span<const std::byte>;

constexpr std::uint64_t rows_between_progress = 4096;
constexpr std::size_t damaged_rows_kept = 1000;
constexpr const char* restore = "restore a backup, or do the item again: pawl cannot know what stood there";
constexpr const char* repair = "run `pawl verify --repair` on the state";
constexpr const char* restore_all = "restore a backup";

std::string in_quotes(std::string_view text) { return "'" + printable(text) + "'"; }

std::string bytes_text(bytes some) { return {reinterpret_cast<const char*>(some.data()), some.size()}; }

// A cursor that is asked what lies at the front of it, and moved on.
class walking_cursor {
public:
  walking_cursor(const read_transaction& txn, MDB_dbi in) : cursor_(txn, in) { there_ = cursor_.move(MDB_FIRST, key_, value_); }
  walking_cursor(const read_transaction& txn, MDB_dbi in, bytes from) : cursor_(txn, in), key_(from) {
    there_ = cursor_.move(MDB_SET_RANGE, key_, value_);
  }
  [[nodiscard]] bool there() const noexcept { return there_; }
  [[nodiscard]] bytes key() const noexcept { return key_; }
  [[nodiscard]] bytes value() const noexcept { return value_; }
  void next() { there_ = cursor_.move(MDB_NEXT, key_, value_); }

private:
  read_cursor cursor_;
  bytes key_;
  bytes value_;
  bool there_ = false;
};

// Failed or skipped items, in the order of their addresses.
class listed_items {
public:
  listed_items(const read_transaction& txn, item_state state)
      : state_(state), at_(txn, txn.env().in().states, state_key(state, 0)) {}
  // The next address; nothing behind the last.
  [[nodiscard]] std::optional<item_address> front() const {
    if (!at_.there() || at_.key().size() != 9 || at_.key()[0] != static_cast<std::byte>(state_)) return std::nullopt;
    return read_big_endian(at_.key().subspan(1));
  }
  void next() { at_.next(); }

private:
  item_state state_;
  walking_cursor at_;
};

class entry_checker {
public:
  entry_checker(const read_transaction& txn, const blob_store& blobs, const tell_finding& tell, const tell_maintain& progress)
      : txn_(txn), in_(txn.env().in()), blobs_(blobs), tell_(tell), progress_(progress) {}

  entry_counts check() {
    check_records();
    check_tables();
    check_items();
    check_index();
    check_files();
    check_counters();
    check_claims();
    return made_;
  }

private:
  struct known_workflow {
    std::string name;
    std::vector<chain_revision> revisions;
    std::optional<workflow_counters> counters;
    std::array<std::uint64_t, 5> by_state{};
    std::map<revision_id, std::vector<std::uint64_t>> reached;
    std::uint64_t above_all = 0;  // every id that is there
  };

  void tell(std::string part, std::string sentence, std::string advice, bool derived = false) {
    tell_({std::move(part), {}, {}, {}, std::move(sentence), std::move(advice), derived});
  }
  void tell_item(std::string part, item_address address, std::string_view key, std::string step, const std::string& what,
                 std::string advice, bool derived = false) {
    verify_finding one;
    one.part = std::move(part);
    one.workflow = name_of(workflow_of_address(address));
    if (!key.empty()) one.key = text_of_key(key);
    one.sentence = item_text(address, key) + " " + what;
    if (!step.empty()) one.sentence += ", step " + in_quotes(step);
    one.step = std::move(step);
    one.advice = std::move(advice);
    one.derived = derived;
    tell_(std::move(one));
  }
  // Runs what may find damage; false where it did, and that is told.
  template <class Action>
  bool guarded(const char* part, const std::string& of, const char* advice, bool derived, Action&& action) {
    try {
      action();
      return true;
    } catch (const error& failure) {
      if (failure.code() != errc::damaged) throw;
      tell(part, of + ": " + cause_of(failure), advice, derived);
      return false;
    }
  }
  [[nodiscard]] std::string name_of(workflow_id id) const {
    const auto found = workflows_.find(id);
    return found != workflows_.end() ? found->second.name : "";
  }
  static std::string text_of_key(std::string_view key) {
    try {
      return printable_key(key);
    } catch (const error&) {
      return printable(key);
    }
  }
  [[nodiscard]] std::string item_text(item_address address, std::string_view key) const {
    const std::string workflow = name_of(workflow_of_address(address));
    return "item " + (key.empty() ? std::to_string(item_of_address(address)) : "'" + text_of_key(key) + "'") + " of workflow " +
           (workflow.empty() ? std::to_string(workflow_of_address(address)) : in_quotes(workflow));
  }

  // ---- meta ----

  void check_records() {
    for (walking_cursor at(txn_, in_.meta); at.there(); at.next()) {
      const std::string key = bytes_text(at.key());
      guarded("records", "the record " + in_quotes(key), restore_all, key.starts_with('c') || key.starts_with('h'), [&] {
        const auto body = txn_.get_record(at.key());
        if (key.starts_with('w') && key.size() == 3) {
          known_workflow& one = workflows_[static_cast<workflow_id>(read_big_endian(at.key().subspan(1)))];
          one.name = bytes_text(*body);
        } else if (key.starts_with('s') && key.size() == 9) {
          const std::uint64_t hash = read_big_endian(at.key().subspan(1));
          schemas_.insert(hash);
          if (schema::parse(bytes_text(*body)).hash() != hash) throw error(errc::damaged, "a schema is not what its key says");
        }
      });
    }
    for (auto& [id, one] : workflows_) {
      const std::string of = "workflow " + in_quotes(one.name);
      guarded("records", of, restore_all, false, [&, id = id, &one = one] { one.revisions = read_chains(txn_, id); });
      guarded("counters", of, repair, true, [&, id = id, &one = one] {
        one.counters = read_counters(txn_, id);
        if (!one.counters) throw error(errc::damaged, "its counters are missing");
      });
      for (const chain_revision& chain : one.revisions) {
        check_schema_is_there(chain.input_schema, of + ", its input");
        for (const step_identity& step : chain.steps) check_schema_is_there(step.result_schema, of + ", step " + in_quotes(step.name));
      }
    }
    guarded("records", "the journal's place", restore_all, false, [&] { static_cast<void>(read_mark(txn_)); });
    guarded("records", "the last opening", restore_all, false, [&] { static_cast<void>(read_opening(txn_)); });
    guarded("records", "the list of tables", restore_all, false, [&] { tables_ = read_table_records(txn_); });
  }

  void check_schema_is_there(std::uint64_t hash, const std::string& of) {
    if (hash == 0 || schemas_.contains(hash)) return;
    tell("records", of + ": the description of its type is missing; its values can be read by the program that wrote them only",
         restore_all);
  }

  // ---- tables ----

  void check_tables() {
    if (in_.tables == 0) return;
    std::vector<std::uint64_t> entries(tables_.size());
    for (walking_cursor at(txn_, in_.tables); at.there(); at.next()) {
      if (++made_.table_entries % rows_between_progress == 0) told("tables", made_.table_entries, 0);
      const std::size_t id = at.key().size() >= table_id_size ? read_big_endian(at.key().first(table_id_size)) : tables_.size();
      if (id < entries.size()) ++entries[id];
      const std::string name = id < tables_.size() ? "table " + in_quotes(tables_[id].name) : "a table that is not recorded";
      guarded("tables", name + ", entry " + std::to_string(made_.table_entries), restore_all, false, [&] {
        if (id >= tables_.size()) throw error(errc::damaged, "its key is damaged");
        chunks_of_tables_ += check_entry(txn_, at.key(), at.value(), room_).count;
        static_cast<void>(split_key(bytes_text(at.key().subspan(table_id_size))));
      });
    }
    for (const table_record& one : tables_) {
      if (one.entries != entries[one.id])
        tell("counters", "table " + in_quotes(one.name) + " has " + std::to_string(entries[one.id]) + " entries, and its counter says " +
                             std::to_string(one.entries), repair, true);
      check_schema_is_there(one.key_schema, "table " + in_quotes(one.name));
      check_schema_is_there(one.value_schema, "table " + in_quotes(one.name));
    }
  }

  // ---- items ----

  void check_items() {
    MDB_stat stat{};
    txn_.env().check(::mdb_stat(txn_.handle(), in_.items, &stat), "read");
    walking_cursor chunks(txn_, in_.chunks);
    check_chunks_of_tables(chunks);
    listed_items failed(txn_, item_state::failed);
    listed_items skipped(txn_, item_state::skipped);
    for (walking_cursor at(txn_, in_.items); at.there(); at.next()) {
      if (++made_.items % rows_between_progress == 0) told("items", made_.items, stat.ms_entries);
      if (at.key().size() != sizeof(item_address)) {
        tell("items", "an item has a key that cannot be", restore_all);
        continue;
      }
      const item_address address = read_big_endian(at.key());
      const bool is_read = read_item(address, at.value());
      check_listed(failed, item_state::failed, address, is_read);
      check_listed(skipped, item_state::skipped, address, is_read);
      check_chunks(chunks, address, is_read);
      if (is_read) check_item(address);
    }
    check_listed(failed, item_state::failed, ~item_address{0}, false);
    check_listed(skipped, item_state::skipped, ~item_address{0}, false);
    check_chunks(chunks, ~item_address{0}, false);
    MDB_stat lists{};
    txn_.env().check(::mdb_stat(txn_.handle(), in_.states, &lists), "read");
    if (lists.ms_entries != listed_)
      tell("lists", "the lists of failed and skipped items have entries that are of no state", repair, true);
  }

  bool read_item(item_address address, bytes entry) {
    try {
      const auto whole = whole_row(txn_, address, entry, long_row_);
      long_size_ = long_row_size(entry, address);
      read_row(whole, address, row_part::whole, row_);
      return true;
    } catch (const error& failure) {
      if (failure.code() != errc::damaged) throw;
      // Which key it has, the index will say.
      if (damaged_rows_.size() < damaged_rows_kept) damaged_rows_[address] = cause_of(failure);
      else tell("items", cause_of(failure), restore);
      damaged_[workflow_of_address(address)]++;
      return false;
    }
  }

  // Up to this address: only items in this state are listed, and this one is, if it is.
  void check_listed(listed_items& list, item_state state, item_address address, bool is_read) {
    for (auto front = list.front(); front && *front < address; list.next(), front = list.front()) {
      ++listed_;
      tell_item("lists", *front, {}, {}, "is listed as " + std::string(pawl::name_of(state)) + " and is not there", repair, true);
    }
    const bool is_listed = list.front() == address;
    if (is_listed) {
      ++listed_;
      list.next();
    }
    if (!is_read || is_listed == (row_.state == state)) return;
    tell_item("lists", address, row_.key, {},
              is_listed ? "is listed as " + std::string(pawl::name_of(state)) + " and is " + std::string(pawl::name_of(row_.state))
                        : "is " + std::string(pawl::name_of(state)) + " and not listed as such", repair, true);
  }

  void check_item(item_address address) {
    const auto found = workflows_.find(workflow_of_address(address));
    const auto wrong = [&](const std::string& what) { tell_item("items", address, row_.key, {}, what, restore); };
    if (found == workflows_.end()) return wrong("is of a workflow that is not recorded");
    known_workflow& workflow = found->second;
    ++workflow.by_state[static_cast<std::size_t>(row_.state)];
    auto& histogram = workflow.reached[row_.revision];
    if (histogram.size() <= row_.reached) histogram.resize(row_.reached + std::size_t{1});
    ++histogram[row_.reached];
    workflow.above_all = std::max(workflow.above_all, item_of_address(address) + 1);

    const auto chain = std::find_if(workflow.revisions.begin(), workflow.revisions.end(),
                                    [&](const chain_revision& one) { return one.id == row_.revision; });
    if (chain == workflow.revisions.end()) wrong("refers to a chain that is not recorded");
    else if (row_.reached > chain->steps.size()) wrong("has completed more steps than its chain has");
    try {
      static_cast<void>(split_key(row_.key));
    } catch (const error& failure) {
      wrong("has a key that cannot be (" + cause_of(failure) + ")");
    }
    check_is_indexed(address);
    for (const row_value& value : row_.values) {
      std::string step;
      if (value.number != 0 && chain != workflow.revisions.end() && value.number <= chain->steps.size())
        step = chain->steps[value.number - 1].name;
      check_value(address, value, step);
    }
  }

  void check_value(item_address address, const row_value& value, const std::string& step) {
    const std::string which = value.number == 0 ? "its input" : "a result";
    const auto wrong = [&](const std::string& what) {
      tell_item("values", address, row_.key, step, "has lost " + which + ": " + what, restore);
    };
    if (value.schema_hash != 0 && !schemas_.contains(value.schema_hash))
      tell_item("records", address, row_.key, step, "has " + which + " of a type whose description is missing", restore_all);
    if (value.place == value_place::in_row) return;
    ++made_.values;
    try {
      if (value.place == value_place::chunks) {
        get_chunks(txn_, address, value.number, value.size, room_);
        if (crc32c(room_) != value.crc) wrong("it does not match its checksum");
      } else {
        ++made_.files;
        check_file_is_named(address, value);
        blobs_.read({value.epoch, value.file_number}, value.size, value.crc, room_);
      }
    } catch (const error& failure) {
      if (failure.code() != errc::damaged && failure.code() != errc::io) throw;
      wrong(cause_of(failure));
    }
  }

  void check_file_is_named(item_address address, const row_value& value) {
    const auto entry = txn_.get(in_.files, file_key(value.epoch, value.file_number));
    item_address named = 0;
    if (entry && entry->size() == sizeof named) std::memcpy(&named, entry->data(), sizeof named);
    if (!entry || named != address)
      tell_item("files", address, row_.key, {}, "has a value in a file that the list of files does not name as its", repair, true);
    else
      ++named_files_;
  }

  void check_is_indexed(item_address address) {
    lmdb_key name;
    make_index_key(txn_.env().salt(), workflow_of_address(address), row_.key, name);
    const item_id mine = item_of_address(address);
    try {
      const auto entry = txn_.get(in_.index, name.bytes());
      for (auto ids = entry ? ids_of_index_entry(name.bytes(), *entry) : bytes{}; !ids.empty(); ids = ids.subspan(sizeof mine))
        if (std::memcmp(ids.data(), &mine, sizeof mine) == 0) {
          ++indexed_;
          return;
        }
    } catch (const error& failure) {
      if (failure.code() != errc::damaged) throw;
    }
    tell_item("index", address, row_.key, {}, "is not found by its key: a run would take it for a new one, and do it again", repair, true);
  }

  // ---- chunks ----

  void check_chunks_of_tables(walking_cursor& chunks) {
    std::uint64_t count = 0;
    for (; chunks.there() && chunks.key().size() == 12 && workflow_of_address(read_big_endian(chunks.key().first(8))) == 0; chunks.next())
      ++count;
    if (count != chunks_of_tables_)
      tell("tables", "values of tables lie in " + std::to_string(count) + " pieces, and their entries name " +
                         std::to_string(chunks_of_tables_) + ": some are lost, or take room for nothing", restore_all);
  }

  // The pieces of values up to this item's: each must be part of a value that its row names.
  void check_chunks(walking_cursor& chunks, item_address address, bool is_read) {
    item_address told_of = 0;
    bool told_here = false;
    for (; chunks.there(); chunks.next()) {
      if (chunks.key().size() != 12) {
        tell("values", "a piece of a value has a key that cannot be", restore_all);
        continue;
      }
      const item_address of = read_big_endian(chunks.key().first(8));
      if (of > address) return;
      if (of < address) {
        if (of != std::exchange(told_of, of))
          tell_item("values", of, {}, {}, "has pieces of a value and is not there itself", restore_all);
        continue;
      }
      const auto part = static_cast<std::uint16_t>(read_big_endian(chunks.key().subspan(8, 2)));
      const std::uint64_t number = read_big_endian(chunks.key().subspan(10));
      if (is_read && !told_here && number >= chunks_named(part)) {
        told_here = true;
        tell_item("values", address, row_.key, {}, "has pieces of a value that its row does not name", restore_all);
      }
    }
  }
  [[nodiscard]] std::uint64_t chunks_named(std::uint16_t part) const {
    if (part == row_part_number) return chunks_of(long_size_);
    const row_value* value = row_.value(part);
    return value != nullptr && value->place == value_place::chunks ? chunks_of(value->size) : 0;
  }

  // ---- what is left of the index, files, counters ----

  void check_index() {
    std::uint64_t ids_there = 0;
    std::uint64_t at_entry = 0;
    for (walking_cursor at(txn_, in_.index); at.there(); at.next()) {
      if (++at_entry % rows_between_progress == 0) told("index", at_entry, 0);
      guarded("index", "the entry of the key " + in_quotes(key_in_index(at.key())), repair, true, [&] {
        for (auto ids = ids_of_index_entry(at.key(), at.value()); !ids.empty(); ids = ids.subspan(sizeof(item_id))) {
          ++ids_there;
          item_id id = 0;
          std::memcpy(&id, ids.data(), sizeof id);
          name_damaged(at.key(), id);
        }
      });
    }
    for (const auto& [address, what] : damaged_rows_) tell_item("items", address, {}, {}, "cannot be read: " + what, restore);
    if (ids_there != indexed_ && ids_there != made_.items) find_surplus();
  }

  static std::string key_in_index(bytes key) { return key.size() < 3 ? bytes_text(key) : text_of_key(bytes_text(key.subspan(2))); }

  void name_damaged(bytes key, item_id id) {
    if (key.size() < 3 || damaged_rows_.empty()) return;
    const auto at = damaged_rows_.find(address_of(static_cast<workflow_id>(read_big_endian(key.first(2))), id));
    if (at == damaged_rows_.end()) return;
    const bool is_whole = key.size() < index_key_size_max;
    tell_item("items", at->first, is_whole ? bytes_text(key.subspan(2)) : std::string(), {}, "cannot be read: " + at->second, restore);
    damaged_rows_.erase(at);
  }

  // Entries of the index that lead nowhere.
  void find_surplus() {
    for (walking_cursor at(txn_, in_.index); at.there(); at.next()) {
      bytes ids;
      try {
        ids = ids_of_index_entry(at.key(), at.value());
      } catch (const error&) {
        continue;
      }
      const auto workflow = static_cast<workflow_id>(at.key().size() < 2 ? 0 : read_big_endian(at.key().first(2)));
      for (; !ids.empty(); ids = ids.subspan(sizeof(item_id))) {
        item_id id = 0;
        std::memcpy(&id, ids.data(), sizeof id);
        if (id >> item_bits == 0 && txn_.get(in_.items, item_key(address_of(workflow, id)))) continue;
        tell("index", "the key " + in_quotes(key_in_index(at.key())) + " leads to item " + std::to_string(id) + ", which is not there",
             repair, true);
      }
    }
  }

  void check_files() {
    MDB_stat stat{};
    txn_.env().check(::mdb_stat(txn_.handle(), in_.files, &stat), "read");
    if (stat.ms_entries > named_files_ && damaged_.empty())
      tell("files", "the list of files has " + std::to_string(stat.ms_entries) + " names, and items have values in " +
                        std::to_string(named_files_) + " of them", repair, true);
  }

  // They hold up others where they are wrong, and are made anew by each opening alone.
  void check_claims() {
    guarded("claims", "what processes have claimed", repair, true, [&] {
      const std::vector<member> members = read_members(txn_);
      std::vector<std::byte> room;
      read_claims(txn_, [&](item_address address, std::optional<std::uint64_t> holder) {
        const auto holds = [&](const member& one) { return one.number == holder; };
        const auto row = txn_.get(in_.items, item_key(address));
        if (!row)
          tell_item("claims", address, {}, {}, "is claimed by a process, and is not stored", repair, true);
        else if (holder && std::none_of(members.begin(), members.end(), holds))
          tell_item("claims", address, peek_row_key(whole_row(txn_, address, *row, room)), {},
                    "is claimed by a process that does not share the state", repair, true);
      });
    });
  }
  void check_counters() {
    for (const auto& [id, one] : workflows_) {
      if (!one.counters || damaged_.contains(id)) continue;  // of damaged rows nobody knows what they were counted as
      const std::string of = "workflow " + in_quotes(one.name);
      for (std::size_t state = 0; state < one.by_state.size(); ++state)
        if (one.counters->by_state[state] != one.by_state[state])
          tell("counters", of + " has " + std::to_string(one.by_state[state]) + " items that are " +
                               std::string(pawl::name_of(static_cast<item_state>(state))) + ", and its counter says " +
                               std::to_string(one.counters->by_state[state]), repair, true);
      if (one.counters->next_item < one.above_all)
        tell("counters", of + " has an item with an id that is yet to be given", repair, true);
      for (const chain_revision& chain : one.revisions) check_reached(id, one, chain.id, of);
    }
  }

  void check_reached(workflow_id id, const known_workflow& workflow, revision_id revision, const std::string& of) {
    guarded("counters", of, repair, true, [&] {
      std::vector<std::uint64_t> stored = read_histogram(txn_, id, revision);
      const auto seen = workflow.reached.find(revision);
      std::vector<std::uint64_t> wanted = seen != workflow.reached.end() ? seen->second : std::vector<std::uint64_t>{};
      stored.resize(std::max(stored.size(), wanted.size()));
      wanted.resize(stored.size());
      if (stored != wanted)
        tell("counters", of + ": how many items have completed which step is counted wrong", repair, true);
    });
  }

  void told(std::string_view part, std::uint64_t done, std::uint64_t of) const {
    if (progress_) progress_({part, done, of});
  }

  const read_transaction& txn_;
  const sub_databases& in_;
  const blob_store& blobs_;
  const tell_finding& tell_;
  const tell_maintain& progress_;
  entry_counts made_;
  std::map<workflow_id, known_workflow> workflows_;
  std::set<std::uint64_t> schemas_;
  std::vector<table_record> tables_;
  std::map<item_address, std::string> damaged_rows_;
  std::map<workflow_id, std::uint64_t> damaged_;
  std::uint64_t indexed_ = 0;  // items that are found by their key
  std::uint64_t listed_ = 0;
  std::uint64_t named_files_ = 0;
  std::uint64_t chunks_of_tables_ = 0;
  row row_;
  std::size_t long_size_ = 0;
  std::vector<std::byte> long_row_;
  std::vector<std::byte> room_;
};

}  // namespace

std::string cause_of(const std::exception& failure) {
  std::string text = failure.what();
  if (const std::size_t layer = text.find(": "); layer != std::string::npos && layer < 10) text.erase(0, layer + 2);
  return text.substr(0, text.find("; "));
}

entry_counts check_entries(const read_transaction& txn, const blob_store& blobs, const tell_finding& tell,
                           const tell_maintain& progress) {
  return entry_checker(txn, blobs, tell, progress).check();
}

}  // namespace pawl::core
