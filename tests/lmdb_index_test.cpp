// Keys that are too long for LMDB go by a hash; the row decides.
#include "lmdb/environment.hpp"
#include "lmdb/open.hpp"
#include "lmdb/transaction.hpp"

#include "support/catch.hpp"
#include "support/small_states.hpp"
#include "support/temp_dir.hpp"

using namespace pawl;
using namespace pawl::core;
using namespace pawl::test;

namespace {

std::string long_key(char last) { return text_key(std::string(600, 'k') + last); }

// Pretends that the long key `last` has the same hash as the keys of `ids`.
void set_ids(const std::filesystem::path& state, const hash_key& uuid, char last, std::vector<item_id> ids) {
  environment env(state, access_mode::write, default_map_size(), owner_lock::take(state));
  write_transaction txn(env);
  lmdb_key name;
  REQUIRE_FALSE(make_index_key(uuid, 1, long_key(last), name));
  std::vector<std::byte> entry;
  make_index_entry(name.bytes(), std::as_bytes(std::span{ids}), entry);
  txn.put(env.in().index, name.bytes(), entry);
  txn.commit("commit");
}

item_id found(backend& store, char last) {
  stored_item item;
  const auto view = store.read();
  return view->find(1, long_key(last), item, false) ? item.id : ~item_id{0};
}

}  // namespace

TEST_CASE("keys with the same hash are told apart by their rows, also when the second one is admitted") {
  const temp_dir where;
  const auto state = where.path() / "x.pawl";
  hash_key uuid;
  {
    const auto store = open_lmdb(state);
    uuid = store->uuid();
    open_small(*store);
    commit(
        *store,
        checkpoint_group().admitted({.item = 0, .text = long_key('a')}).admitted({.item = 1, .text = long_key('b')}));
  }
  set_ids(state, uuid, 'a', {1, 0});
  set_ids(state, uuid, 'c', {0});
  const auto store = open_lmdb(state);
  CHECK(found(*store, 'a') == 0);
  CHECK(found(*store, 'b') == 1);
  CHECK(found(*store, 'c') == ~item_id{0});
  commit(*store, checkpoint_group().admitted({.item = 2, .text = long_key('c')}));
  CHECK(found(*store, 'c') == 2);
  CHECK(found(*store, 'a') == 0);
}
