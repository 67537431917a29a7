// LMDB for the peers: one unnamed database, keys are numbers; full sync, or none where only the death of the
// process is to be survived.
#pragma once

#include "overhead/work.hpp"

#include <lmdb.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

namespace bench {

inline void check_lmdb(int status, const char* doing) {
  if (status != MDB_SUCCESS)
    throw std::runtime_error(std::string("lmdb: cannot ") + doing + ": " + mdb_strerror(status));
}

struct lmdb_file {
  struct close_env {
    void operator()(MDB_env* open) const noexcept { mdb_env_close(open); }
  };
  std::unique_ptr<MDB_env, close_env> env;
  MDB_dbi rows = 0;

  lmdb_file(const std::filesystem::path& directory, durability kind) {
    MDB_env* made = nullptr;
    check_lmdb(mdb_env_create(&made), "make an environment");
    env.reset(made);
#ifdef PAWL_SANITIZE  // a sanitizer's shadow does not cope with a large map
    constexpr std::size_t map_size = std::size_t{1} << 30;
#else
    constexpr std::size_t map_size = std::size_t{256} << 30;
#endif
    check_lmdb(mdb_env_set_mapsize(made, map_size), "set the size of the map");
    const unsigned sync = kind == durability::power ? 0 : MDB_NOSYNC;
    check_lmdb(mdb_env_open(made, directory.c_str(), MDB_NOTLS | MDB_NOMEMINIT | sync, 0600), "open the environment");
    MDB_txn* txn = begin();
    check_lmdb(mdb_dbi_open(txn, nullptr, MDB_INTEGERKEY, &rows), "open the database");
    check_lmdb(mdb_txn_commit(txn), "commit");
  }

  [[nodiscard]] MDB_txn* begin(unsigned flags = 0) const {
    MDB_txn* txn = nullptr;
    check_lmdb(mdb_txn_begin(env.get(), nullptr, flags, &txn), "begin a transaction");
    return txn;
  }

  // Calls each(key, value) for all rows in the order of their keys.
  template <class Each>
  void for_each(Each&& each) const {
    MDB_txn* txn = begin(MDB_RDONLY);
    MDB_cursor* cursor = nullptr;
    check_lmdb(mdb_cursor_open(txn, rows, &cursor), "open a cursor");
    MDB_val key{};
    MDB_val value{};
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == MDB_SUCCESS) {
      std::uint64_t number = 0;
      std::memcpy(&number, key.mv_data, sizeof number);  // LMDB aligns to 2 bytes only
      each(number, value);
    }
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
  }
};

}  // namespace bench
