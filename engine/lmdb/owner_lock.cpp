#include "lmdb/owner_lock.hpp"

#include <pawl/error.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>

namespace pawl::core {
namespace {

constexpr int takes_max = 8;  // a holder may end between our try and our question who it is

// A length of 0 reaches to the end, however far that is.
struct flock range_of(short type, std::uint64_t at, std::uint64_t length) noexcept {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(at);
  lock.l_len = static_cast<off_t>(length);
  return lock;
}
struct flock whole_file() noexcept { return range_of(F_WRLCK, 0, 0); }
struct flock first_byte() noexcept { return range_of(F_RDLCK, 0, 1); }
struct flock seat(std::uint64_t number) noexcept { return range_of(F_WRLCK, 1 + number, 1); }

template <class Number>
void read_field(std::string_view text, std::string_view name, Number& into) {
  const std::size_t at = text.find(name);
  if (at == std::string_view::npos) return;
  text.remove_prefix(at + name.size());
  std::from_chars(text.data(), text.data() + text.size(), into);
}

state_owner read_owner(int fd) {
  std::array<char, 128> text{};
  const ssize_t size = ::pread(fd, text.data(), text.size(), 0);
  state_owner owner;
  if (size <= 0) return owner;
  const std::string_view words(text.data(), static_cast<std::size_t>(size));
  read_field(words, "pid ", owner.pid);
  read_field(words, "namespace ", owner.pid_namespace);
  return owner;
}

// Who keeps the caller from getting this lock.
std::optional<state_owner> holder_of(int fd, const std::filesystem::path& path, struct flock lock) {
  if (::fcntl(fd, F_GETLK, &lock) != 0) throw_file_error(errno, "ask for the lock of", path);
  if (lock.l_type == F_UNLCK) return std::nullopt;
  state_owner owner = read_owner(fd);
  if (lock.l_pid > 0) owner.pid = lock.l_pid;  // the kernel knows better than the file, but not across namespaces
  owner.shares = lock.l_len != 0;
  return owner;
}

void write_owner(int fd, const std::filesystem::path& path) {
  const std::string text =
      "pid " + std::to_string(::getpid()) + "\nnamespace " + std::to_string(own_pid_namespace()) + "\n";
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, text.data(), text.size(), 0) < 0) throw_file_error(errno, "write", path);
}

[[noreturn]] void throw_in_use(const std::filesystem::path& state, const state_owner& owner, bool joining) {
  std::string how = owner.pid_namespace != 0 && owner.pid_namespace != own_pid_namespace()
                        ? " of another PID namespace (container)"
                        : "";
  if (joining) how += ", which has it alone (opening::exclusive)";
  else if (owner.shares) how += ", which shares it with others (opening::shared)";
  throw error(errc::state_in_use, "lmdb: " + state.string() + " is open in process " + std::to_string(owner.pid) + how +
                                      "; wait for it to end, stop it, or use another state directory");
}

descriptor open_owner(const std::filesystem::path& path, const std::filesystem::path& state, struct flock wanted) {
  descriptor fd = open_plain(path, O_RDWR | O_CREAT);
  const bool joining = wanted.l_type == F_RDLCK;
  for (int left = takes_max; left > 0; --left) {
    struct flock lock = wanted;
    if (::fcntl(fd.get(), F_SETLK, &lock) == 0) {
      write_owner(fd.get(), path);
      return fd;
    }
    if (errno != EACCES && errno != EAGAIN) throw_file_error(errno, "lock", path);
    if (const auto owner = holder_of(fd.get(), path, wanted)) throw_in_use(state, *owner, joining);
  }
  throw_in_use(state, read_owner(fd.get()), joining);
}

// Whoever has the first byte and no seat yet: he may be stopped there. The kernel lists all locks, as
// "17: POSIX  ADVISORY  READ 4711 fe:00:1234 0 0", pids as they are seen from here and 0 for those that are not.
void add_sharers(int fd, std::vector<pid_t>& found) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return;
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    int pid = 0;
    unsigned major_number = 0;
    unsigned minor_number = 0;
    unsigned long inode = 0;
    if (std::sscanf(line.c_str(), "%*d: POSIX ADVISORY %*s %d %x:%x:%lu", &pid, &major_number, &minor_number, &inode) != 4) continue;
    const bool is_it = inode == status.st_ino && major_number == major(status.st_dev) && minor_number == minor(status.st_dev);
    if (is_it && pid > 0 && std::find(found.begin(), found.end(), pid) == found.end()) found.push_back(pid);
  }
}

// Closing it drops the locks of whoever has it in this process.
descriptor look_at_owner(const std::filesystem::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 && errno == ENOENT) return {};
  return open_plain(path, O_RDONLY);
}

}  // namespace

owner_lock owner_lock::take(const std::filesystem::path& state) {
  owner_lock lock;
  lock.path_ = state / "owner";
  lock.fd_ = open_owner(lock.path_, state, whole_file());
  return lock;
}

owner_lock owner_lock::join(const std::filesystem::path& state) {
  owner_lock lock;
  lock.path_ = state / "owner";
  lock.fd_ = open_owner(lock.path_, state, first_byte());
  return lock;
}

bool owner_lock::take_seat(std::uint64_t number) {
  struct flock wanted = seat(number);
  if (::fcntl(fd_.get(), F_SETLK, &wanted) == 0) return true;
  if (errno != EACCES && errno != EAGAIN) throw_file_error(errno, "lock a place in", path_);
  return false;
}

void owner_lock::leave_seat(std::uint64_t number) noexcept {
  struct flock wanted = seat(number);
  wanted.l_type = F_UNLCK;
  static_cast<void>(::fcntl(fd_.get(), F_SETLK, &wanted));
}

std::optional<pid_t> owner_lock::who_sits(std::uint64_t number) const {
  struct flock wanted = seat(number);
  if (::fcntl(fd_.get(), F_GETLK, &wanted) != 0) throw_file_error(errno, "ask for the locks of", path_);
  if (wanted.l_type == F_UNLCK) return std::nullopt;
  return std::max<pid_t>(wanted.l_pid, 0);
}

std::optional<state_owner> other_owner(const std::filesystem::path& state) {
  const std::filesystem::path path = state / "owner";
  const descriptor fd = look_at_owner(path);
  if (!fd) return std::nullopt;
  return holder_of(fd.get(), path, whole_file());
}

std::vector<pid_t> other_owners(const std::filesystem::path& state) {
  const std::filesystem::path path = state / "owner";
  const descriptor fd = look_at_owner(path);
  std::vector<pid_t> found;
  if (!fd) return found;
  // The kernel names one lock in a range, any: what lies before and behind it is asked for in turn. (The first byte may
  // be several processes', of which it names one; their seats name them all.)
  std::vector<struct flock> left{whole_file()};
  while (!left.empty()) {
    const struct flock range = left.back();
    left.pop_back();
    struct flock lock = range;
    if (::fcntl(fd.get(), F_GETLK, &lock) != 0) throw_file_error(errno, "ask for the locks of", path);
    if (lock.l_type == F_UNLCK) continue;
    if (std::find(found.begin(), found.end(), lock.l_pid) == found.end()) found.push_back(lock.l_pid);
    const auto begin = static_cast<std::uint64_t>(range.l_start);
    const auto at = static_cast<std::uint64_t>(lock.l_start);
    if (at > begin) left.push_back(range_of(F_WRLCK, begin, at - begin));
    if (lock.l_len == 0) continue;
    const auto behind = at + static_cast<std::uint64_t>(lock.l_len);
    const auto end = begin + static_cast<std::uint64_t>(range.l_len);
    if (range.l_len == 0) left.push_back(range_of(F_WRLCK, behind, 0));
    else if (behind < end) left.push_back(range_of(F_WRLCK, behind, end - behind));
  }
  add_sharers(fd.get(), found);
  std::sort(found.begin(), found.end());
  return found;
}

std::uint64_t own_pid_namespace() noexcept {
  struct stat status {};
  return ::stat("/proc/self/ns/pid", &status) == 0 ? static_cast<std::uint64_t>(status.st_ino) : 0;
}

}  // namespace pawl::core
