#include "lmdb/owner_lock.hpp"

#include <pawl/error.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string>
#include <string_view>

namespace pawl::core {
namespace {

constexpr int takes_max = 8;  // a holder may end between our try and our question who it is

struct flock whole_file() noexcept {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

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

std::optional<state_owner> holder_of(int fd, const std::filesystem::path& path) {
  struct flock lock = whole_file();
  if (::fcntl(fd, F_GETLK, &lock) != 0) throw_file_error(errno, "ask for the lock of", path);
  if (lock.l_type == F_UNLCK) return std::nullopt;
  state_owner owner = read_owner(fd);
  if (lock.l_pid > 0) owner.pid = lock.l_pid;  // the kernel knows better than the file, but not across namespaces
  return owner;
}

void write_owner(int fd, const std::filesystem::path& path) {
  const std::string text =
      "pid " + std::to_string(::getpid()) + "\nnamespace " + std::to_string(own_pid_namespace()) + "\n";
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, text.data(), text.size(), 0) < 0) throw_file_error(errno, "write", path);
}

[[noreturn]] void throw_in_use(const std::filesystem::path& state, const state_owner& owner) {
  const std::string where = owner.pid_namespace != 0 && owner.pid_namespace != own_pid_namespace()
                                ? " of another PID namespace (container)"
                                : "";
  throw error(errc::state_in_use, "lmdb: " + state.string() + " is open in process " + std::to_string(owner.pid) +
                                      where + "; wait for it to end, stop it, or use another state directory");
}

}  // namespace

owner_lock owner_lock::take(const std::filesystem::path& state) {
  const std::filesystem::path path = state / "owner";
  owner_lock lock;
  lock.fd_ = open_plain(path, O_RDWR | O_CREAT);
  for (int left = takes_max; left > 0; --left) {
    struct flock wanted = whole_file();
    if (::fcntl(lock.fd_.get(), F_SETLK, &wanted) == 0) {
      write_owner(lock.fd_.get(), path);
      return lock;
    }
    if (errno != EACCES && errno != EAGAIN) throw_file_error(errno, "lock", path);
    if (const auto owner = holder_of(lock.fd_.get(), path)) throw_in_use(state, *owner);
  }
  throw_in_use(state, read_owner(lock.fd_.get()));
}

std::optional<state_owner> other_owner(const std::filesystem::path& state) {
  const std::filesystem::path path = state / "owner";
  const descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd && errno == ENOENT) return std::nullopt;
  if (!fd) throw_file_error(errno, "open", path);
  return holder_of(fd.get(), path);
}

std::uint64_t own_pid_namespace() noexcept {
  struct stat status {};
  return ::stat("/proc/self/ns/pid", &status) == 0 ? static_cast<std::uint64_t>(status.st_ino) : 0;
}

}  // namespace pawl::core
