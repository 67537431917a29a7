#include "tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <system_error>

namespace index_tree {
namespace {

std::string why(int error) { return std::generic_category().message(error); }

std::int64_t nanoseconds(const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

class descriptor {
public:
  explicit descriptor(int number) : number_(number) {}
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() {
    if (number_ >= 0) close(number_);
  }
  [[nodiscard]] int get() const { return number_; }

private:
  int number_;
};

struct close_folder {
  void operator()(DIR* folder) const { closedir(folder); }
};
using folder_handle = std::unique_ptr<DIR, close_folder>;

std::string kind_of(mode_t mode) {
  if (S_ISLNK(mode)) return "a symbolic link; what it points to is indexed where it lies";
  if (S_ISDIR(mode)) return "a folder that cannot be read";
  if (S_ISFIFO(mode)) return "a named pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

// An error that stays until somebody changes something skips the file; any other
// may be gone the next time.
contents refused(std::string_view verb, int error) {
  std::string reason = "it cannot be " + std::string(verb) + ": " + why(error);
  switch (error) {
    case EACCES:
    case EPERM:
    case ENAMETOOLONG:
    case ELOOP:
      return {.skipped = std::move(reason)};
    default:
      return {.failed = std::move(reason)};
  }
}

// Whether a name is a folder; asks the file system only where readdir did not say.
bool is_folder(const dirent& found, const std::string& path) {
  if (found.d_type != DT_UNKNOWN) return found.d_type == DT_DIR;
  return look_at(path).is == entry::kind::folder;
}

}  // namespace

entry look_at(const std::string& path) {
  struct stat seen {};
  if (lstat(path.c_str(), &seen) != 0)
    return {errno == ENOENT || errno == ENOTDIR ? entry::kind::gone : entry::kind::unknown};
  entry found{entry::kind::other, static_cast<std::uint64_t>(seen.st_size), nanoseconds(seen.st_mtim)};
  if (S_ISREG(seen.st_mode)) found.is = entry::kind::regular;
  if (S_ISDIR(seen.st_mode)) found.is = entry::kind::folder;
  return found;
}

std::string folder_to_walk(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(realpath(path.c_str(), nullptr), &std::free);
  if (!real) throw std::runtime_error("the folder " + path + " cannot be walked: " + why(errno));
  const folder_handle folder(opendir(real.get()));
  if (!folder) throw std::runtime_error("the folder " + path + " cannot be walked: " + why(errno));
  return real.get();
}

walk::walk(std::string root, std::vector<std::string> leave_out) : leave_out_(std::move(leave_out)) {
  if (!enter(std::move(root)))
    throw std::runtime_error("the folder that was to be walked became unreadable: " + why(errno));
}

bool walk::enter(std::string folder) {
  const folder_handle handle(opendir(folder.c_str()));
  if (!handle) return false;
  if (folder.back() != '/') folder += '/';
  open_folder level{std::move(folder), {}};
  errno = 0;
  while (const dirent* found = readdir(handle.get())) {  // NOLINT(concurrency-mt-unsafe): a stream of our own
    std::string name = found->d_name;
    if (name != "." && name != "..") {
      if (is_folder(*found, level.prefix + name)) name += '/';  // so that names sort as whole paths do
      level.names.push_back(std::move(name));
    }
    errno = 0;
  }
  if (errno != 0) return false;
  std::sort(level.names.begin(), level.names.end(), std::greater<>());
  open_.push_back(std::move(level));
  return true;
}

std::optional<file> walk::next() {
  while (!open_.empty()) {
    open_folder& level = open_.back();
    if (level.names.empty()) {
      open_.pop_back();
      continue;
    }
    std::string path = level.prefix + level.names.back();
    level.names.pop_back();

    const bool folder = path.back() == '/';
    if (folder) path.pop_back();
    if (std::find(leave_out_.begin(), leave_out_.end(), path) != leave_out_.end()) continue;
    if (folder && enter(path)) continue;  // `level` may dangle from here on
    const entry seen = look_at(path);
    if (seen.is == entry::kind::gone) continue;  // gone since its folder was read
    return file{std::move(path), seen.size, seen.mtime_ns};
  }
  return std::nullopt;
}

bool readable(const std::string& path) { return faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) == 0; }

contents read_file(const std::string& path, std::uint64_t max_bytes) {
  struct stat before {};
  if (lstat(path.c_str(), &before) != 0) return refused("looked at", errno);
  if (!S_ISREG(before.st_mode)) return {.skipped = kind_of(before.st_mode)};
  const descriptor input(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (input.get() < 0) return refused("opened", errno);
  struct stat seen {};
  if (fstat(input.get(), &seen) != 0) return refused("looked at", errno);
  if (!S_ISREG(seen.st_mode)) return {.skipped = kind_of(seen.st_mode)};  // exchanged between the two looks

  // A size may lie (files of the kernel) or grow, so what counts is what is read.
  contents found;
  const std::size_t limit = static_cast<std::size_t>(max_bytes);
  const auto too_large = [&] { return contents{.skipped = "larger than " + std::to_string(max_bytes) + " bytes"}; };
  if (static_cast<std::uint64_t>(seen.st_size) > max_bytes) return too_large();
  std::size_t filled = 0;
  found.bytes.resize(static_cast<std::size_t>(seen.st_size) + 1);
  for (;;) {
    const ssize_t got = read(input.get(), found.bytes.data() + filled, found.bytes.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refused("read", errno);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
    if (filled > limit) return too_large();
    if (filled == found.bytes.size()) found.bytes.resize(std::min(2 * filled, limit) + 1);
  }
  found.bytes.resize(filled);
  return found;
}

}  // namespace index_tree
