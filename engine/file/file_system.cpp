#include "file/file_system.hpp"

#include <pawl/error.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace pawl::core {
namespace {

constexpr std::size_t call_size_max = std::size_t{1} << 30;  // one write or read call takes less than 2 GiB
constexpr std::size_t pieces_of_a_call_max = 64;

// Never disk_full: that would say that it may be tried again.
[[noreturn]] void throw_flush_error(int code, const std::filesystem::path& path) {
  throw error(errc::io, "file: cannot flush " + path.string() + ": " + std::generic_category().message(code) +
                            "; what was not acknowledged may be lost: mend the cause and run again");
}

class machine_file final : public file {
public:
  machine_file(std::filesystem::path path, descriptor fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  ~machine_file() override {
    if (mapped_.data() != nullptr) ::munmap(mapped_.data(), mapped_.size());
  }

  std::uint64_t size() override {
    struct stat status {};
    if (::fstat(fd_.get(), &status) != 0) throw_file_error(errno, "ask for the size of", path_);
    return static_cast<std::uint64_t>(status.st_size);
  }

  void write(std::uint64_t offset, std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t done =
          ::pwrite(fd_.get(), bytes.data(), std::min(bytes.size(), call_size_max), static_cast<off_t>(offset));
      if (done < 0 && errno == EINTR) continue;
      if (done < 0 && errno == EINVAL && use_cache()) continue;
      if (done < 0) throw_file_error(errno, "write", path_);
      bytes = bytes.subspan(static_cast<std::size_t>(done));
      offset += static_cast<std::uint64_t>(done);
    }
  }

  void write_pieces(std::uint64_t offset, std::span<const std::span<const std::byte>> pieces) override {
    for (; pieces.size() > 1; pieces = pieces.subspan(std::min(pieces.size(), pieces_of_a_call_max)))
      offset += write_some_pieces(offset, pieces.first(std::min(pieces.size(), pieces_of_a_call_max)));
    if (!pieces.empty()) write(offset, pieces.front());
  }

  void read(std::uint64_t offset, std::span<std::byte> into) override {
    while (!into.empty()) {
      const ssize_t done =
          ::pread(fd_.get(), into.data(), std::min(into.size(), call_size_max), static_cast<off_t>(offset));
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) throw_file_error(errno, "read", path_);
      if (done == 0)
        throw error(errc::damaged, "file: " + path_.string() + " ends too early; restore it from a backup");
      into = into.subspan(static_cast<std::size_t>(done));
      offset += static_cast<std::uint64_t>(done);
    }
  }

  void bypass_cache() noexcept override {
    const int flags = ::fcntl(fd_.get(), F_GETFL);
    if (flags >= 0) static_cast<void>(::fcntl(fd_.get(), F_SETFL, flags | O_DIRECT));
  }

  std::uint64_t skip_hole(std::uint64_t offset) override {
    const off_t data = ::lseek(fd_.get(), static_cast<off_t>(offset), SEEK_DATA);
    if (data >= 0) return static_cast<std::uint64_t>(data);
    return errno == ENXIO ? std::max(offset, size()) : offset;
  }

  void sync() override {
    if (::fdatasync(fd_.get()) != 0) throw_flush_error(errno, path_);
  }

  std::span<std::byte> map(std::uint64_t size) override {
    if (mapped_.data() != nullptr) return mapped_.first(std::min<std::size_t>(size, mapped_.size()));
    void* at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
    if (at == MAP_FAILED) return {};
    mapped_ = {static_cast<std::byte*>(at), size};
    return mapped_;
  }

private:
  // Some disks want larger blocks than ours to be written past the cache. False where that was not the matter.
  bool use_cache() {
    const int flags = ::fcntl(fd_.get(), F_GETFL);
    return flags >= 0 && (flags & O_DIRECT) != 0 && ::fcntl(fd_.get(), F_SETFL, flags & ~O_DIRECT) == 0;
  }

  // Returns how many bytes there were.
  std::uint64_t write_some_pieces(std::uint64_t offset, std::span<const std::span<const std::byte>> pieces) {
    std::array<iovec, pieces_of_a_call_max> vectors;
    std::uint64_t size = 0;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      vectors[i] = {const_cast<std::byte*>(pieces[i].data()), pieces[i].size()};
      size += pieces[i].size();
    }
    ssize_t done = -1;
    if (size <= call_size_max) {
      do done = ::pwritev(fd_.get(), vectors.data(), static_cast<int>(pieces.size()), static_cast<off_t>(offset));
      while (done < 0 && errno == EINTR);
      if (done < 0) throw_file_error(errno, "write", path_);
      if (static_cast<std::uint64_t>(done) == size) return size;
    }
    // A short write, or too much for one call: what is left goes piece by piece, and a full disk shows itself.
    std::uint64_t left_out = done > 0 ? static_cast<std::uint64_t>(done) : 0;
    std::uint64_t at = offset;
    for (const auto piece : pieces) {
      const auto skipped = static_cast<std::size_t>(std::min<std::uint64_t>(left_out, piece.size()));
      write(at + skipped, piece.subspan(skipped));
      left_out -= skipped;
      at += piece.size();
    }
    return size;
  }

  std::filesystem::path path_;
  descriptor fd_;
  std::span<std::byte> mapped_;
};

class machine_file_system final : public file_system {
public:
  std::unique_ptr<file> create(const std::filesystem::path& path) override {
    return std::make_unique<machine_file>(path, open_plain(path, O_RDWR | O_CREAT | O_EXCL));
  }

  std::unique_ptr<file> open(const std::filesystem::path& path) override {
    return std::make_unique<machine_file>(path, open_plain(path, O_RDONLY));
  }

  std::unique_ptr<file> open_to_write(const std::filesystem::path& path) override {
    return std::make_unique<machine_file>(path, open_plain(path, O_RDWR));
  }

  void make_directory(const std::filesystem::path& path) override {
    if (::mkdir(path.c_str(), 0700) != 0 || ::chmod(path.c_str(), 0700) != 0)
      throw_file_error(errno, "make the directory", path);
  }

  void sync_directory(const std::filesystem::path& path) override {
    const descriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) throw_file_error(errno, "open", path);
    if (::fsync(fd.get()) != 0) throw_flush_error(errno, path);
  }

  void rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) throw_file_error(errno, "rename to", to);
  }

  void remove(const std::filesystem::path& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) throw_file_error(errno, "remove", path);
  }

  std::vector<std::string> list(const std::filesystem::path& path) override {
    descriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!fd) throw_file_error(errno, "list", path);
    DIR* directory = ::fdopendir(fd.get());
    if (directory == nullptr) throw_file_error(errno, "list", path);
    fd.release();
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(directory)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    const int failed = errno;
    ::closedir(directory);
    if (failed != 0) throw_file_error(failed, "list", path);
    return names;
  }
};

std::string advice(int code) {
  switch (code) {
    case ENOSPC:
      return "free some room on this file system and run again";
    case EDQUOT:
      return "the quota of this user is used up; free some room and run again";
    case EFBIG:
      return "the file size limit of this process (ulimit -f) is too small";
    case EACCES:
    case EPERM:
      return "run as the user that the file belongs to, or change its permissions";
    case ELOOP:
      return "pawl follows no symbolic link inside a state; put the file or directory itself there";
    case EISDIR:
    case EEXIST:
      return "something else stands in its place; move it away, or restore a backup of the state";
    case ENOTDIR:
      return "put a directory there, and no symbolic link to one, or restore a backup of the state";
    case EROFS:
      return "the file system is mounted read-only";
    case EMFILE:
    case ENFILE:
      return "raise the limit of open files (ulimit -n)";
    case EIO:
      return "look at the kernel's log for what is wrong with the disk";
    default:
      return "mend the cause and run again";
  }
}

}  // namespace

file_system& machine_files() noexcept {
  static machine_file_system the_files;
  return the_files;
}

void throw_file_error(int code, std::string_view doing, const std::filesystem::path& path) {
  const bool full = code == ENOSPC || code == EDQUOT || code == EFBIG;
  // The system's words for a link that is not followed are of "too many levels".
  const std::string cause = code == ELOOP ? "it is a symbolic link" : std::generic_category().message(code);
  throw error(full ? errc::disk_full : errc::io,
              "file: cannot " + std::string(doing) + " " + path.string() + ": " + cause + "; " + advice(code));
}

descriptor open_plain(const std::filesystem::path& path, int flags) {
  // Without O_NONBLOCK whoever opens a FIFO waits for its other end.
  descriptor fd(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  const bool makes = (flags & O_CREAT) != 0;
  const bool writes = (flags & O_ACCMODE) != O_RDONLY;
  struct stat status {};
  if (!fd && !(errno == ENXIO && ::lstat(path.c_str(), &status) == 0))  // a socket, or a FIFO without another end
    throw_file_error(errno, makes ? "create" : "open", path);
  if (fd && ::fstat(fd.get(), &status) != 0) throw_file_error(errno, "look at", path);
  const auto refuse = [&](const char* what) {
    throw error(errc::not_a_state, "file: " + path.string() + " " + what + "; restore a backup of the state, or use another");
  };
  if (!S_ISREG(status.st_mode)) refuse("is not a plain file");
  if (writes && status.st_nlink > 1) refuse("has a second name (hard link), so that what is written to it would be written elsewhere");
  if (makes && ::fchmod(fd.get(), 0600) != 0) throw_file_error(errno, "create", path);
  return fd;
}

descriptor& descriptor::operator=(descriptor&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.release();
  }
  return *this;
}

descriptor::~descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

int descriptor::release() noexcept { return std::exchange(fd_, -1); }

}  // namespace pawl::core
