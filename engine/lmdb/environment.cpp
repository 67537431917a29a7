#include "lmdb/environment.hpp"

#include "file/file_system.hpp"
#include "file/fork.hpp"
#include "lmdb/state_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PAWL_SMALL_MAP 1
#endif
#endif
#if defined(PAWL_SANITIZE) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PAWL_SMALL_MAP 1
#endif

namespace pawl::core {
namespace {

using namespace std::chrono_literals;

constexpr unsigned sub_databases_max = 16;
constexpr unsigned readers_max = 1000;
constexpr std::uint64_t lock_file_size = 64 * 1024;  // room for more than readers_max slots of 64 bytes
constexpr std::uint64_t reach_step = 1u << 20;
constexpr std::size_t map_size_min = std::size_t{1} << 30;
constexpr auto opening_patience = 5s;
constexpr auto opening_pause = 2ms;
constexpr auto readers_check_interval = 10s;
constexpr std::uint64_t whole_check_size_max = std::uint64_t{64} << 20;
constexpr int snapshot_tries_max = 1000;  // a writer makes two commits between our snapshot and our look at its meta page

bool cannot_lock(int status) noexcept { return status == EACCES || status == EPERM || status == EROFS; }
bool worth_another_try(int status) noexcept { return status == EAGAIN || status == EBUSY; }

// What is not large is looked at whole: it takes some 10 ms. Of what is, all but the leaves, and those of every tree that
// leads to other pages: so no page that is in use is ever taken for a free one and written over.
page_checker check_at_opening(const std::filesystem::path& state) {
  return [state](file& data, const meta_record& commit) {
    page_check_options options;
    options.findings_max = 1;
    if (commit.last_page * commit.free.pad > whole_check_size_max) options.reach = page_reach::inner;
    const page_check found = check_pages(data, commit, options);
    if (found.findings.empty()) return;
    throw error(errc::damaged, "lmdb: " + state.string() + " is damaged: " + found.findings.front() +
                                   "; run `pawl verify` on it for all that is, or restore a backup");
  };
}

void warn_about_library(std::vector<std::string>& warnings) {
  int major = 0;
  int minor = 0;
  int patch = 0;
  const char* text = ::mdb_version(&major, &minor, &patch);
  if (major == 0 && minor == 9 && patch >= 26 && patch <= 31)
    warnings.push_back(std::string("lmdb: this program runs with ") + text +
                       ", whose readers may be cleared while they live (ITS#9278); use 0.9.24, or 0.9.32 and later");
}

}  // namespace

std::size_t default_map_size() noexcept {
#ifdef PAWL_SMALL_MAP
  return std::size_t{64} << 30;
#else
  return std::size_t{1} << 40;
#endif
}

opening_turn::opening_turn(const std::filesystem::path& state)
    : fd_(::open(state.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  const auto until = std::chrono::steady_clock::now() + opening_patience;
  while (fd_ && ::flock(fd_.get(), LOCK_EX | LOCK_NB) != 0 && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(opening_pause);
}

environment::environment(std::filesystem::path state, access_mode mode, std::size_t map_size, owner_lock lock,
                         const page_checker& pages)
    : state_(std::move(state)), lock_(std::move(lock)), process_(process_generation()) {
  warn_about_library(warnings_);
  try {
    {
      const opening_turn turn(state_);
      open(mode, map_size);
    }
    if (mode != access_mode::create) check_trees(pages ? pages : check_at_opening(state_));
    open_sub_databases(mode);
  } catch (...) {
    const opening_turn turn(state_);
    if (env_ != nullptr) ::mdb_env_close(env_);
    throw;
  }
}

void environment::check_trees(const page_checker& pages) {
  if (!pages_are_known()) return;
  const auto data = machine_files().open(state_ / "data.mdb");
  MDB_txn* txn = nullptr;
  check(::mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn), "begin to read");
  struct ender {
    MDB_txn* open;
    ~ender() { ::mdb_txn_abort(open); }
  } const ending{txn};
  for (int left = snapshot_tries_max; left > 0; --left) {
    if (const auto commit = meta_of(*data, page_size_, ::mdb_txn_id(txn))) return pages(*data, *commit);
    ::mdb_txn_reset(txn);
    check(::mdb_txn_renew(txn), "begin to read");
  }
  throw error(errc::damaged, "lmdb: the meta pages of " + (state_ / "data.mdb").string() +
                                 " are not those that LMDB has mapped; run `pawl verify` on the state or restore a backup");
}

environment::~environment() {
  if (!is_own_process()) return;
  const opening_turn turn(state_);
  ::mdb_env_close(env_);
}

bool environment::is_own_process() const noexcept { return process_ == process_generation(); }

void environment::throw_forked() const {
  throw error(errc::bad_argument,
              "lmdb: " + state_.string() +
                  " was opened before a fork and cannot be used in the child process; use it in the "
                  "parent only, or open it after the fork");
}

// On failure env_ is null. LMDB wants a new handle for every try.
int environment::try_open(unsigned flags, std::size_t map_size) {
  check(::mdb_env_create(&env_), "make an environment");
  int status = ::mdb_env_set_maxdbs(env_, sub_databases_max);
  if (status == 0) status = ::mdb_env_set_maxreaders(env_, readers_max);
  if (status == 0) status = ::mdb_env_set_mapsize(env_, map_size);
  if (status == 0) status = ::mdb_env_open(env_, state_.c_str(), flags, 0600);
  if (status != 0) ::mdb_env_close(std::exchange(env_, nullptr));
  return status;
}

void environment::open(access_mode mode, std::size_t map_size) {
  unsigned flags = MDB_NOTLS;
  if (mode == access_mode::read) flags |= MDB_RDONLY;
  // Room for lock.mdb is taken before it is mapped: a full disk would kill us later.
  else
    prepare_file(state_ / "lock.mdb", lock_file_size);
  if (mode == access_mode::create)
    prepare_file(state_ / "data.mdb", 0);
  else
    check_data_file(state_, mode != access_mode::read);

  const auto until = std::chrono::steady_clock::now() + opening_patience;
  for (;;) {
    const int status = try_open(flags, map_size);
    if (status == 0) break;
    if (status == ENOMEM && map_size > map_size_min) {
      map_size /= 2;
    } else if (cannot_lock(status) && mode == access_mode::read && (flags & MDB_NOLOCK) == 0) {
      if (const auto owner = other_owner(state_))
        throw error(errc::state_in_use, "lmdb: " + state_.string() + " is being written by process " +
                                            std::to_string(owner->pid) +
                                            ", and this user may not register as a reader in its lock.mdb; run as its "
                                            "owner, or after that process has ended");
      flags |= MDB_NOLOCK;
    } else if (worth_another_try(status) && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(opening_pause);
    } else {
      check(status, "open data.mdb");
    }
  }

  int fd = -1;
  check(::mdb_env_get_fd(env_, &fd), "open data.mdb");
  static_cast<void>(::fcntl(fd, F_SETFD, FD_CLOEXEC));
  MDB_stat stat{};
  check(::mdb_env_stat(env_, &stat), "ask for its page size");
  page_size_ = stat.ms_psize;
  if (mode == access_mode::write || mode == access_mode::share) {
    // What a killed predecessor committed may be visible and not yet on the disk (rule 5).
    check(::mdb_env_sync(env_, 1), "flush what an earlier process wrote");
    clear_dead_readers();
  }
}

void environment::open_sub_databases(access_mode mode) {
  MDB_txn* txn = nullptr;
  check(::mdb_txn_begin(env_, nullptr, mode == access_mode::create ? 0 : unsigned{MDB_RDONLY}, &txn), "begin to read");
  const unsigned flags = mode == access_mode::create ? MDB_CREATE : 0;
  struct named {
    const char* name;
    MDB_dbi* handle;
  };
  for (const named& one : {named{nullptr, &in_.main}, named{"meta", &in_.meta}, named{"items", &in_.items},
                           named{"index", &in_.index}, named{"states", &in_.states}, named{"chunks", &in_.chunks},
                           named{"files", &in_.files}}) {
    const int status = ::mdb_dbi_open(txn, one.name, flags, one.handle);
    if (status == 0) continue;
    ::mdb_txn_abort(txn);
    if (status == MDB_NOTFOUND || status == MDB_INCOMPATIBLE)
      throw error(errc::not_a_state,
                  "lmdb: " + state_.string() + " is an LMDB database of another program; use another state directory");
    check(status, "open its sub-databases");
  }
  check_commit(::mdb_txn_commit(txn), "open its sub-databases", pages_of_few_records);
  open_later_one("tables", in_.tables, mode != access_mode::read);
  open_later_one("claims", in_.claims, mode == access_mode::share);
}

// States of earlier releases have no tables, and those that were never shared no claims: the first opening that needs
// them makes their place.
void environment::open_later_one(const char* name, MDB_dbi& into, bool make) {
  MDB_txn* txn = nullptr;
  check(::mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn), "begin to read");
  int status = ::mdb_dbi_open(txn, name, 0, &into);
  if (status == MDB_NOTFOUND && make) {
    ::mdb_txn_abort(txn);
    check(::mdb_txn_begin(env_, nullptr, 0, &txn), "begin to write");
    status = ::mdb_dbi_open(txn, name, MDB_CREATE, &into);
  }
  if (status == MDB_NOTFOUND) into = 0;
  if (status != 0 && status != MDB_NOTFOUND) {
    ::mdb_txn_abort(txn);
    check(status, "open its sub-databases");
  }
  check_commit(::mdb_txn_commit(txn), "open its sub-databases", pages_of_few_records);
}

void environment::reach_over(std::uint64_t pages) const {
  MDB_envinfo info{};
  check(::mdb_env_info(env_, &info), "ask for its size");
  const std::uint64_t wanted = (std::uint64_t{info.me_last_pgno} + 1 + pages) * page_size_;
  if (wanted <= reach_) return;
  int fd = -1;
  check(::mdb_env_get_fd(env_, &fd), "ask for its file");
  struct stat status {};
  if (::fstat(fd, &status) != 0) throw_file_error(errno, "look at", state_ / "data.mdb");
  reach_ = static_cast<std::uint64_t>(status.st_size);
  if (wanted <= reach_) return;
  const std::uint64_t size = (wanted + reach_step - 1) / reach_step * reach_step;
  if (::ftruncate(fd, static_cast<off_t>(size)) != 0) throw_file_error(errno, "lengthen", state_ / "data.mdb");
  reach_ = size;
}

void environment::check_commit(int status, std::string_view doing, std::uint64_t pages) const {
  if (status == 0) [[likely]] return;
  struct statvfs room {};
  const bool asked = ::statvfs(state_.c_str(), &room) == 0;
  const std::uint64_t free = asked ? std::uint64_t{room.f_bavail} * room.f_frsize : 0;
  const bool full = status == ENOSPC || status == EDQUOT || (status == EIO && asked && free < pages * page_size_);
  if (!full) check(status, doing);
  throw error(errc::disk_full, "lmdb: cannot " + std::string(doing) + " in " + state_.string() + ": the disk is full (" +
                                   std::to_string(free / 1024) +
                                   " KiB are free); nothing that was acknowledged is lost; free some room and run again");
}

void environment::clear_dead_readers() noexcept {
  const auto now = std::chrono::steady_clock::now();
  if (readers_checked_ && now - *readers_checked_ < readers_check_interval) return;
  readers_checked_ = now;
  int dead = 0;
  // A failure costs room, not data: the slots are cleared the next time.
  static_cast<void>(::mdb_reader_check(env_, &dead));
}

std::uint64_t environment::oldest_reader() const {
  std::uint64_t oldest = no_reader;
  // LMDB tells of readers only as text: "pid thread txnid" a line, "-" where a slot has no snapshot.
  const auto take_line = [](const char* line, void* into) {
    std::string_view text(line);
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
    const std::size_t at = text.find_last_of(' ');
    std::uint64_t number = 0;
    bool digits = at != std::string_view::npos && at + 1 < text.size();
    for (std::size_t i = at + 1; digits && i < text.size(); ++i) {
      digits = text[i] >= '0' && text[i] <= '9';
      number = number * 10 + static_cast<std::uint64_t>(text[i] - '0');
    }
    auto& least = *static_cast<std::uint64_t*>(into);
    if (digits && text.substr(0, at).find_first_not_of(" 0123456789abcdef") == std::string_view::npos)
      least = std::min(least, number);
    return 0;
  };
  check(::mdb_reader_list(env_, take_line, &oldest), "ask who reads it");
  return oldest;
}

}  // namespace pawl::core
