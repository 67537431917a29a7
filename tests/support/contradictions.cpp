#include "support/contradictions.hpp"

#include "lmdb/layout.hpp"
#include "state/open.hpp"

#include <pawl/error.hpp>

#include <lmdb.h>

#include <cstring>
#include <map>
#include <set>
#include <span>
#include <stdexcept>

namespace pawl::test {
namespace {

using namespace core;
using entries = std::map<std::string, std::string>;

void check(int status) {
  if (status != 0) throw std::runtime_error(::mdb_strerror(status));
}

// All of some sub-databases, read past everything of the engine's.
std::map<std::string, entries> raw(const std::filesystem::path& state) {
  std::map<std::string, entries> all;
  MDB_env* env = nullptr;
  check(::mdb_env_create(&env));
  check(::mdb_env_set_maxdbs(env, 16));
  check(::mdb_env_open(env, state.c_str(), MDB_RDONLY | MDB_NOLOCK, 0600));
  MDB_txn* txn = nullptr;
  check(::mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn));
  for (const char* name : {"items", "index", "chunks", "files"}) {
    MDB_dbi in = 0;
    check(::mdb_dbi_open(txn, name, 0, &in));
    MDB_cursor* cursor = nullptr;
    check(::mdb_cursor_open(txn, in, &cursor));
    MDB_val key{};
    MDB_val value{};
    entries& into = all[name];
    while (::mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0)
      into.emplace(std::string(static_cast<const char*>(key.mv_data), key.mv_size),
                   std::string(static_cast<const char*>(value.mv_data), value.mv_size));
    ::mdb_cursor_close(cursor);
  }
  ::mdb_txn_abort(txn);
  ::mdb_env_close(env);
  return all;
}

// Each item can be read whole and be found by its key; the counters say how many there are.
void check_items(snapshot& view, const workflow_record& workflow, std::vector<std::string>& found) {
  const auto say = [&](item_id id, const std::string& what) {
    found.push_back("item " + std::to_string(id) + " of " + workflow.name + " " + what);
  };
  workflow_counts counted;
  std::vector<item_id> ids;
  std::vector<std::string> keys;
  std::vector<std::byte> bytes;
  view.scan(workflow.id, 0, nullptr, [&](const stored_item& item) {
    ++counted.by_state[static_cast<std::size_t>(item.state)];
    ids.push_back(item.id);
    keys.emplace_back(item.key);
    if (item.id >= workflow.next_item) say(item.id, "has an id that is yet to be given");
    return true;
  });
  stored_item item;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    try {
      if (!view.find(workflow.id, keys[i], item, true) || item.id != ids[i]) {
        say(ids[i], "is not found by its key");
        continue;
      }
      if (item.result.present) view.fetch(workflow.id, item, item.result, bytes);
      for (std::size_t kept = 0; kept < item.kept.size(); ++kept)
        view.fetch(workflow.id, item, stored_payload(item.kept[kept].second), bytes);
    } catch (const error& failure) {
      say(ids[i], std::string("cannot be read: ") + failure.what());
    }
  }
  if (view.count(workflow.id).by_state != counted.by_state)
    found.push_back("the counters of " + workflow.name + " differ from a scan");
}

std::uint64_t address_in(std::string_view key) {
  return read_big_endian(std::as_bytes(std::span{key.substr(0, 8)}));
}

}  // namespace

std::vector<std::string> contradictions(const std::filesystem::path& state, bool at_rest) {
  std::vector<std::string> found;
  {
    const auto store = open_state_reader(state);
    const auto view = store->read();
    for (const workflow_record& workflow : view->workflows()) check_items(*view, workflow, found);
  }
  const auto in = raw(state);
  std::set<std::uint64_t> rows;
  for (const auto& [key, row] : in.at("items")) rows.insert(address_in(key));
  std::size_t indexed = 0;
  for (const auto& [key, ids] : in.at("index")) indexed += (ids.size() - sizeof(std::uint32_t)) / sizeof(item_id);
  if (indexed != rows.size())
    found.push_back("the index has " + std::to_string(indexed) + " items, and there are " + std::to_string(rows.size()));
  for (const auto& [key, chunk] : in.at("chunks"))
    if (!rows.contains(address_in(key))) found.push_back("a chunk is of no item");
  std::set<std::string> named;
  for (const auto& [key, address] : in.at("files")) {
    const auto bytes = std::as_bytes(std::span{key});
    const std::string name =
        std::to_string(read_big_endian(bytes.first(8))) + "-" + std::to_string(read_big_endian(bytes.subspan(8)));
    named.insert(name);
    std::uint64_t item = 0;
    std::memcpy(&item, address.data(), sizeof item);
    if (!rows.contains(item)) found.push_back("file " + name + " is of no item");
    if (!std::filesystem::exists(state / "blobs" / name)) found.push_back("file " + name + " is gone");
  }
  for (const auto& one : std::filesystem::directory_iterator(state / "blobs"))
    if (at_rest && !named.contains(one.path().filename().string()))
      found.push_back("file " + one.path().filename().string() + " lies there for nobody");
  return found;
}

std::string entries_of(const std::filesystem::path& state) {
  const auto in = raw(state);
  std::string text;
  for (const char* name : {"items", "index", "chunks", "files"})
    text += (text.empty() ? "" : ", ") + std::string(name) + " " + std::to_string(in.at(name).size());
  return text;
}

}  // namespace pawl::test
