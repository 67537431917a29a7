#include "lmdb/rewrite.hpp"

#include "file/file_system.hpp"
#include "lmdb/owner_lock.hpp"
#include "lmdb/registry.hpp"

#include <pawl/error.hpp>

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace pawl::core {
namespace {

constexpr const char* fresh_name = "rewrite";  // in the state directory

std::uint64_t room_of(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) throw_file_error(errno, "look at", path);
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

// Whoever has an LMDB environment open, for whatever, holds a lock on the first byte of its lock file, shared with all the
// others. Ours alone: nobody has. While it is held nobody comes to be one of them.
class nobody_has_it_open {
public:
  explicit nobody_has_it_open(const std::filesystem::path& state)
      : fd_(open_plain(state / "lock.mdb", O_RDWR | O_CREAT)) {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_len = 1;
    if (::fcntl(fd_.get(), F_SETLK, &lock) == 0) return;
    if (errno != EACCES && errno != EAGAIN) throw_file_error(errno, "lock", state / "lock.mdb");
    const bool told = ::fcntl(fd_.get(), F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    throw error(errc::state_in_use, "lmdb: " + state.string() + " is looked at by process " +
                                        (told ? std::to_string(lock.l_pid) : "(unknown)") +
                                        "; wait for it to end, or stop it, and try again; nothing was changed");
  }

private:
  descriptor fd_;
};

// The lock file remembers the number of the last commit, which is the old file's. Whoever opens LMDB alone makes it anew.
void renew_lock_file(const std::filesystem::path& state) {
  MDB_env* env = nullptr;
  if (::mdb_env_create(&env) != 0) return;
  static_cast<void>(::mdb_env_set_maxreaders(env, 1000));
  static_cast<void>(::mdb_env_open(env, state.c_str(), MDB_NOTLS | MDB_RDONLY, 0600));
  ::mdb_env_close(env);
}

}  // namespace

void remove_unfinished_rewrite(const std::filesystem::path& state) {
  std::error_code failed;
  std::filesystem::remove_all(state / fresh_name, failed);
}

rewritten rewrite_data(const std::filesystem::path& state, const copy_plan& plan) {
  rewritten done;
  alone_in_process(state, [&] {
    const owner_lock owner = owner_lock::take(state);
    { const nobody_has_it_open now(state); }  // before the work
    const std::filesystem::path fresh = state / fresh_name;
    remove_unfinished_rewrite(state);
    machine_files().make_directory(fresh);
    try {
      {
        environment env(state, access_mode::write, default_map_size(), {});
        const read_transaction from(env);
        env.set_identity(read_identity(from));
        check_records_but_counters(from);
        copy_trees(from, fresh, plan);
      }
      done.bytes_before = room_of(state / "data.mdb");
      done.bytes_after = room_of(fresh / "data.mdb");
      {
        const opening_turn turn(state);
        const nobody_has_it_open now(state);
        machine_files().rename(fresh / "data.mdb", state / "data.mdb");
        machine_files().sync_directory(state);
        renew_lock_file(state);
      }
    } catch (...) {
      remove_unfinished_rewrite(state);
      throw;
    }
    remove_unfinished_rewrite(state);
  });
  return done;
}

}  // namespace pawl::core
