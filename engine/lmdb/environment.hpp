// An open LMDB environment: one map of one data.mdb, with its sub-databases.
//
// Knows how LMDB must be opened and closed to be safe (rules 5, 12 to 17, 20, 31
// of the LMDB rules in engine/README.md); knows nothing of items. Made only by
// open.cpp, once per state and process (registry.hpp).
#pragma once

#include "lmdb/check_pages.hpp"
#include "lmdb/owner_lock.hpp"
#include "lmdb/status.hpp"
#include "record/hash.hpp"

#include <lmdb.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace pawl::core {

static_assert(sizeof(void*) == 8, "pawl maps its state whole: it needs 64-bit addresses");

struct sub_databases {
  MDB_dbi main = 0;  // LMDB's own, in which it keeps where the others begin
  MDB_dbi meta = 0;
  MDB_dbi items = 0;
  MDB_dbi index = 0;
  MDB_dbi states = 0;
  MDB_dbi chunks = 0;
  MDB_dbi files = 0;
  MDB_dbi tables = 0;  // 0: a state that has none, opened for reading
  MDB_dbi claims = 0;  // 0: a state that was never shared, not opened to share
};

enum class access_mode : std::uint8_t {
  create,  // makes data.mdb and the sub-databases; the caller alone knows the directory
  write,   // the owner
  share,   // one of several
  read,
};

// A commit of a few records: their pages, those above them and the free list's, generously.
constexpr std::uint64_t pages_of_few_records = 64;

// Addresses are free, but a sanitizer's shadow does not cope with a map of a terabyte.
[[nodiscard]] std::size_t default_map_size() noexcept;

// Looks at the pages of a commit, while a snapshot holds it, before LMDB does; throws to end the opening.
using page_checker = std::function<void(file& data, const meta_record& commit)>;

struct state_identity {
  hash_key uuid{};
  hash_key salt{};
};

// LMDB's opening and closing race with those of other processes (rule 15): one at a time, as long as
// nobody hangs in it.
class opening_turn {
public:
  explicit opening_turn(const std::filesystem::path& state);

private:
  descriptor fd_;
};

inline constexpr std::uint64_t no_reader = ~std::uint64_t{0};

class environment {
public:
  // `lock`: held by who writes, empty for others. `pages`: what looks at them, instead of what does so at every opening.
  // Throws pawl::error.
  environment(std::filesystem::path state, access_mode mode, std::size_t map_size, owner_lock lock,
              const page_checker& pages = {});
  // In the child of a fork: leaves everything as it is, for it is the parent's.
  ~environment();
  environment(const environment&) = delete;
  environment& operator=(const environment&) = delete;

  [[nodiscard]] MDB_env* handle() const noexcept { return env_; }
  [[nodiscard]] const sub_databases& in() const noexcept { return in_; }
  [[nodiscard]] const std::filesystem::path& state() const noexcept { return state_; }
  [[nodiscard]] const std::vector<std::string>& warnings() const noexcept { return warnings_; }
  [[nodiscard]] const hash_key& uuid() const noexcept { return uuid_; }
  // What keys of the index and digests of inputs are hashed with: the uuid, or in a copy that of the state it was made
  // from, so that both stay what they are.
  [[nodiscard]] const hash_key& salt() const noexcept { return salt_; }
  void set_identity(const state_identity& is) noexcept {
    uuid_ = is.uuid;
    salt_ = is.salt;
  }

  [[nodiscard]] std::size_t page_size() const noexcept { return page_size_; }
  [[nodiscard]] owner_lock& lock() noexcept { return lock_; }
  [[nodiscard]] const owner_lock& lock() const noexcept { return lock_; }

  // Throws pawl::error(bad_argument) in the child of a fork. Before every use.
  void check_process() const {
    if (!is_own_process()) [[unlikely]]
      throw_forked();
  }
  [[nodiscard]] bool is_own_process() const noexcept;
  void check(int status, std::string_view doing) const { check_lmdb(status, doing, state_); }

  // Makes the file reach over `pages` more pages than are in use, without taking room on the disk.
  // Before a commit: LMDB may count pages at the end that it never wrote, and a file that is shorter
  // than its last page is taken for one that was cut off.
  void reach_over(std::uint64_t pages) const;
  // Of a commit that may have written so many pages. A full disk reaches us as EIO, because LMDB finds its write
  // too short (rule 8): the file system is asked, and then it is disk_full, with a sentence that says so.
  void check_commit(int status, std::string_view doing, std::uint64_t pages) const;
  // A reader that was killed holds its snapshot until its slot is cleared (rule 17). Does something only
  // every few seconds.
  void clear_dead_readers() noexcept;
  // The oldest snapshot that some process still reads; no_reader where there is none.
  [[nodiscard]] std::uint64_t oldest_reader() const;

private:
  [[noreturn]] void throw_forked() const;
  void open(access_mode mode, std::size_t map_size);
  [[nodiscard]] int try_open(unsigned flags, std::size_t map_size);
  void check_trees(const page_checker& pages);
  void open_sub_databases(access_mode mode);
  void open_later_one(const char* name, MDB_dbi& into, bool make);

  std::filesystem::path state_;
  owner_lock lock_;
  std::uint64_t process_;
  std::optional<std::chrono::steady_clock::time_point> readers_checked_;
  mutable std::uint64_t reach_ = 0;  // the size of data.mdb that is known to be there
  MDB_env* env_ = nullptr;
  sub_databases in_;
  std::size_t page_size_ = 4096;
  hash_key uuid_{};
  hash_key salt_{};
  std::vector<std::string> warnings_;
};

}  // namespace pawl::core
