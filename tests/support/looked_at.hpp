// States for the tests of what looks at states from outside.
#pragma once

#include "support/quiet.hpp"

#include <pawl/pawl.hpp>

#include <lmdb.h>

#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

namespace pawl::test {

struct shop_page {
  std::string url;
  std::vector<std::uint32_t> sizes;
  friend bool operator==(const shop_page&, const shop_page&) = default;
};

// Three steps: "read" is kept, "check" fails items whose key begins with "bad" and skips those that begin
// with "no", "write" gives the length of the key.
inline auto shop() {
  return workflow<"shop">(step<"read">([](const std::string& key) {
                            return shop_page{key, {1, 2}};
                          }).keep(),
                          pure<"check">([](const shop_page& page) {
                            if (page.url.starts_with("no")) throw skip_item("not wanted: " + page.url);
                            if (page.url.starts_with("bad")) throw std::runtime_error("cannot check " + page.url);
                            return page;
                          }),
                          step<"write">([](const shop_page& page) { return page.url.size(); }));
}

inline void make_shop(const std::filesystem::path& state, const std::vector<std::string>& keys) {
  engine engine(state, quiet());
  static_cast<void>(engine.run(shop(), keys));
}

// Changes one byte in the middle of an item's row. Nobody may have the state open.
inline void damage_row(const std::filesystem::path& state, std::uint16_t workflow, std::uint64_t item) {
  const auto check = [](int status) {
    if (status != 0) throw std::runtime_error(::mdb_strerror(status));
  };
  MDB_env* env = nullptr;
  check(::mdb_env_create(&env));
  check(::mdb_env_set_maxdbs(env, 16));
  check(::mdb_env_set_mapsize(env, std::size_t{1} << 30));
  check(::mdb_env_open(env, state.c_str(), 0, 0600));
  MDB_txn* txn = nullptr;
  MDB_dbi items = 0;
  check(::mdb_txn_begin(env, nullptr, 0, &txn));
  check(::mdb_dbi_open(txn, "items", 0, &items));
  std::uint64_t address = std::uint64_t{workflow} << 48 | item;
  std::string name;
  for (int shift = 56; shift >= 0; shift -= 8) name.push_back(static_cast<char>(address >> shift));
  MDB_val key{name.size(), name.data()};
  MDB_val value{};
  check(::mdb_get(txn, items, &key, &value));
  std::string row(static_cast<const char*>(value.mv_data), value.mv_size);
  row[row.size() / 2] = static_cast<char>(row[row.size() / 2] ^ 1);
  MDB_val damaged{row.size(), row.data()};
  check(::mdb_put(txn, items, &key, &damaged, 0));
  check(::mdb_txn_commit(txn));
  ::mdb_env_close(env);
}

}  // namespace pawl::test
