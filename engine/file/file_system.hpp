// The seam to files: every file that pawl writes itself goes through here.
// (LMDB writes data.mdb and lock.mdb by its own means.)
//
// Tests bring one that forgets, tears and fails. Files are made for the owner
// alone (0600, directories 0700) whatever the umask, descriptors are not
// inherited, and whoever hands over a state cannot lead elsewhere by it: what is
// opened is a plain file and no symbolic link, what is listed a directory and no
// symbolic link, and what is written has no second name (hard link).
//
// Everything that fails throws pawl::error: disk_full where there is no room,
// io otherwise, with the path and the cause.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pawl::core {

inline constexpr std::size_t uncached_block_size = 4096;

class file {
public:
  virtual ~file() = default;
  [[nodiscard]] virtual std::uint64_t size() = 0;
  // All of `bytes` at `offset`; a short write is a failure.
  virtual void write(std::uint64_t offset, std::span<const std::byte> bytes) = 0;
  // The same for pieces that follow each other, in as few calls as the system allows.
  virtual void write_pieces(std::uint64_t offset, std::span<const std::span<const std::byte>> pieces) = 0;
  // All of `into` from `offset`; the end of the file before that is a failure.
  virtual void read(std::uint64_t offset, std::span<std::byte> into) = 0;
  // From now on writes go past the kernel's cache where that can be had: for what is not read soon, because a fresh page
  // of the cache costs more than a fresh block of the disk. They must begin and end on multiples of
  // uncached_block_size, in the file and in memory.
  virtual void bypass_cache() noexcept {}
  // Where the first byte at or behind `offset` is that the disk holds: `offset`, or behind a hole, which reads as
  // zeros; the file's size where nothing follows. So a file that claims to be huge and is not costs no time.
  [[nodiscard]] virtual std::uint64_t skip_hole(std::uint64_t offset) { return offset; }
  // What was written is on the disk, with the size that goes with it. After a failure the file is
  // lost: it must not be synced again (the kernel may have dropped the pages).
  virtual void sync() = 0;
  // The first `size` bytes, which must be there on the disk already, as memory shared with the file: what is
  // stored there survives the death of the process at once. Empty where this cannot be had. Lives as long as
  // the file object.
  [[nodiscard]] virtual std::span<std::byte> map(std::uint64_t size) = 0;
};

class file_system {
public:
  virtual ~file_system() = default;
  // A new file; it must not exist.
  [[nodiscard]] virtual std::unique_ptr<file> create(const std::filesystem::path& path) = 0;
  // An existing one, for reading.
  [[nodiscard]] virtual std::unique_ptr<file> open(const std::filesystem::path& path) = 0;
  // An existing one, for reading and writing.
  [[nodiscard]] virtual std::unique_ptr<file> open_to_write(const std::filesystem::path& path) = 0;
  // A new directory; it must not exist.
  virtual void make_directory(const std::filesystem::path& path) = 0;
  // Names that were made, renamed or removed in it are on the disk.
  virtual void sync_directory(const std::filesystem::path& path) = 0;
  virtual void rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
  // A file that is not there is no failure.
  virtual void remove(const std::filesystem::path& path) = 0;
  // The names in a directory, in no order, without "." and "..".
  [[nodiscard]] virtual std::vector<std::string> list(const std::filesystem::path& path) = 0;
};

// The machine's own files. One object for the process.
[[nodiscard]] file_system& machine_files() noexcept;

// Throws pawl::error for a system call that left `code` in errno: "file: cannot DOING PATH: CAUSE; ...".
[[noreturn]] void throw_file_error(int code, std::string_view doing, const std::filesystem::path& path);

// A file descriptor that closes itself.
class descriptor {
public:
  descriptor() = default;
  explicit descriptor(int fd) noexcept : fd_(fd) {}
  descriptor(descriptor&& other) noexcept : fd_(other.release()) {}
  descriptor& operator=(descriptor&& other) noexcept;
  ~descriptor();
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }
  int release() noexcept;

private:
  int fd_ = -1;
};

// Opens a plain file by ::open with these flags (and O_CLOEXEC, O_NOFOLLOW); what O_CREAT makes is for its owner
// alone. Throws as above, and where it is anything else, or is to be written and has a second name (not_a_state).
[[nodiscard]] descriptor open_plain(const std::filesystem::path& path, int flags);

}  // namespace pawl::core
