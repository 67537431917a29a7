#include "lmdb/state_directory.hpp"

#include "file/file_system.hpp"
#include "lmdb/check_pages.hpp"

#include <pawl/error.hpp>

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <system_error>

namespace pawl::core {
namespace {

// What LMDB 0.9 writes at the front of its two first pages, on 64-bit machines.
struct meta_page {
  std::array<std::byte, 16> page_header;
  std::uint32_t magic;
  std::uint32_t version;
  std::uint64_t address;
  std::uint64_t map_size;
  std::uint32_t page_size;  // md_pad of the first of two database records of 48 bytes each
  std::array<std::byte, 92> databases;
  std::uint64_t last_page;
  std::uint64_t transaction;
};
static_assert(sizeof(meta_page) == 152);
static_assert(offsetof(meta_page, page_size) == 40 && offsetof(meta_page, last_page) == 136);

constexpr std::uint32_t lmdb_magic = 0xbeefc0de;
constexpr std::uint32_t lmdb_data_version = 1;
constexpr std::uint32_t page_size_max = 64 * 1024;

[[noreturn]] void throw_cut_off(const std::filesystem::path& path, std::uint64_t size, std::uint64_t wanted) {
  throw error(errc::damaged, "lmdb: " + path.string() + " has " + std::to_string(size) + " bytes and must have " +
                                 std::to_string(wanted) + " or more: it was cut off; restore a backup");
}

meta_page read_meta(file& data, std::uint64_t offset, const std::filesystem::path& path) {
  meta_page meta;
  data.read(offset, std::as_writable_bytes(std::span{&meta, 1}));
  if (meta.magic != lmdb_magic)
    throw error(errc::damaged, "lmdb: " + path.string() +
                                   " is not a file of LMDB: it is damaged or another program's; restore a backup or "
                                   "use another state directory");
  // The high bits tell variants of the same format apart.
  if ((meta.version & 0xffff) != lmdb_data_version)
    throw error(errc::newer_format, "lmdb: " + path.string() + " was written by an LMDB of another format (" +
                                        std::to_string(meta.version) +
                                        "); use the release of pawl that wrote it to export it");
  return meta;
}

// Of what LMDB opens by itself, which follows links. `written`: also by readers.
void check_plain(const std::filesystem::path& path, bool written) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) throw_file_error(errno, "look at", path);
  if (!S_ISREG(status.st_mode))
    throw error(errc::not_a_state, "lmdb: " + path.string() + " is not a plain file; use another state directory");
  if (written && status.st_nlink > 1)
    throw error(errc::not_a_state, "lmdb: " + path.string() +
                                       " has a second name (hard link), so that what is written to it would be written "
                                       "elsewhere; copy the state instead, or use another state directory");
}

std::string random_suffix() {
  std::array<unsigned char, 8> bytes{};
  static_cast<void>(::getrandom(bytes.data(), bytes.size(), 0));
  static constexpr char hex[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) (text += hex[byte >> 4]) += hex[byte & 15];
  return text;
}

// A half made directory is removed on the way out; what a crash leaves behind disturbs nobody.
struct temporary_directory {
  std::filesystem::path path;
  bool kept = false;
  explicit temporary_directory(std::filesystem::path where) : path(std::move(where)) {
    machine_files().make_directory(path);
  }
  ~temporary_directory() {
    std::error_code ignored;
    if (!kept) std::filesystem::remove_all(path, ignored);
  }
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;
};

}  // namespace

directory_content content_of(const std::filesystem::path& state) {
  struct stat status {};
  if (::stat(state.c_str(), &status) != 0) {
    if (errno == ENOENT) return directory_content::missing;
    throw_file_error(errno, "look at", state);
  }
  if (!S_ISDIR(status.st_mode))
    throw error(errc::not_a_state,
                "lmdb: " + state.string() + " is a file and not a state directory; give the name of a directory");
  const auto names = machine_files().list(state);
  if (names.empty()) return directory_content::empty;
  const bool found = std::find(names.begin(), names.end(), "data.mdb") != names.end();
  return found ? directory_content::state : directory_content::foreign;
}

std::filesystem::path settled_path(const std::filesystem::path& state) {
  if (state.empty())
    throw error(errc::bad_argument, "lmdb: the state directory has no name; give one such as crawl.pawl");
  std::filesystem::path path = std::filesystem::absolute(state).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  std::error_code failed;
  // A link to a state is followed here; inside one none is.
  if (const auto whole = std::filesystem::canonical(path, failed); !failed) return whole;
  const auto parent = std::filesystem::canonical(path.parent_path(), failed);
  if (failed == std::errc::no_such_file_or_directory || failed == std::errc::not_a_directory)
    throw error(errc::not_a_state, "lmdb: the directory " + path.parent_path().string() +
                                       " does not exist, so there can be no state " + path.filename().string() +
                                       " in it; make it first or correct the path");
  if (failed) throw_file_error(failed.value(), "look at", path.parent_path());
  return parent / path.filename();
}

file_system_verdict verdict_on(long magic, const std::filesystem::path& path) {
  struct known {
    unsigned long magic;
    bool refused;
    const char* name;
    const char* why;
  };
  static constexpr known all[] = {
      {0x6969, true, "NFS", "locks and memory maps are not shared between its machines"},
      {0xff534d42, true, "SMB", "locks and memory maps are not shared between its machines"},
      {0xfe534d42, true, "SMB", "locks and memory maps are not shared between its machines"},
      {0x01021997, true, "9P", "memory maps do not see what is written"},
      {0x65735546, true, "FUSE", "its memory maps and flushes keep no promise"},
      {0x9123683e, false, "btrfs", "each small commit copies a page several times: it is slow there"},
      {0x2fc12fc1, false, "ZFS", "each small commit rewrites a whole record: it is slow there"},
      {0x01021994, false, "tmpfs", "it is gone after a restart of the machine"},
      {0x794c7630, false, "overlay", "it may be gone with the container; mount a volume for it"},
  };
  for (const known& one : all) {
    if (one.magic != static_cast<unsigned long>(magic)) continue;
    const std::string place = "lmdb: " + path.string() + " lies on " + one.name + ", and " + one.why;
    return {one.refused, one.refused ? place + "; put the state on a local file system (ext4, xfs)" : place};
  }
  return {};
}

file_system_verdict verdict_on_file_system_of(const std::filesystem::path& directory) {
  struct statfs status {};
  if (::statfs(directory.c_str(), &status) != 0) throw_file_error(errno, "look at the file system of", directory);
  return verdict_on(static_cast<long>(status.f_type), directory);
}

void make_state_directory(const std::filesystem::path& state,
                          const std::function<void(const std::filesystem::path&)>& fill) {
  const auto parent = state.parent_path();
  std::string name(1, '.');
  name.append(state.filename().string()).append(".new-").append(random_suffix());
  temporary_directory fresh(parent / name);
  fill(fresh.path);
  machine_files().sync_directory(fresh.path);
  // An empty directory of that name is replaced; one with something in it is not.
  if (::rename(fresh.path.c_str(), state.c_str()) == 0)
    fresh.kept = true;
  else if (errno != ENOTEMPTY && errno != EEXIST)
    throw_file_error(errno, "give its name to", state);
  machine_files().sync_directory(parent);
}

void flush_names_of(const std::filesystem::path& state) {
  machine_files().sync_directory(state);
  const std::filesystem::path parent = state.parent_path();
  struct stat own {};
  struct stat above {};
  if (::stat(state.c_str(), &own) != 0 || ::stat(parent.c_str(), &above) != 0) throw_file_error(errno, "look at", state);
  if (own.st_dev == above.st_dev && ::access(parent.c_str(), R_OK) == 0) machine_files().sync_directory(parent);
}

std::string warning_of_permissions(const std::filesystem::path& state) {
  struct stat status {};
  if (::stat(state.c_str(), &status) != 0) throw_file_error(errno, "look at", state);
  if (status.st_uid != ::geteuid() && ::geteuid() != 0)
    return "lmdb: " + state.string() + " belongs to another user, who can change what is in it";
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return "lmdb: " + state.string() + " can be written by other users; `chmod go-w` it, unless you trust them with it";
  return {};
}

namespace {

// Each opening takes a bit of memory for each page that the file is said to have. LMDB leaves no holes but where one
// transaction made pages and gave them up again; file systems compress, but not by that much.
void check_no_void(const std::filesystem::path& path, std::uint64_t used) {
  constexpr std::uint64_t used_max = std::uint64_t{1} << 30;
  constexpr std::uint64_t packed_max = 256;
  struct stat status {};
  if (used <= used_max) return;
  if (::stat(path.c_str(), &status) != 0) throw_file_error(errno, "look at", path);
  const std::uint64_t on_disk = static_cast<std::uint64_t>(status.st_blocks) * 512;
  if (used / packed_max > on_disk)
    throw error(errc::damaged, "lmdb: " + path.string() + " says that " + std::to_string(used) + " bytes of it are used, and has " +
                                   std::to_string(on_disk) + " on the disk: most of it is missing; restore a backup");
}

}  // namespace

void check_data_file(const std::filesystem::path& state, bool to_write) {
  const auto path = state / "data.mdb";
  check_plain(path, to_write);
  struct stat status {};
  if (::lstat((state / "lock.mdb").c_str(), &status) == 0) check_plain(state / "lock.mdb", true);
  if (::lstat((state / "blobs").c_str(), &status) == 0 && !S_ISDIR(status.st_mode))
    throw error(errc::not_a_state,
                "lmdb: " + (state / "blobs").string() + " is not a plain directory; use another state directory");
  const auto data = machine_files().open(path);
  if (data->size() < 2 * sizeof(meta_page)) throw_cut_off(path, data->size(), 2 * sizeof(meta_page));
  const meta_page first = read_meta(*data, 0, path);
  if (first.page_size < 512 || first.page_size > page_size_max || (first.page_size & (first.page_size - 1)) != 0)
    throw error(errc::damaged, "lmdb: " + path.string() + " has a damaged first page; restore a backup");
  const std::uint64_t page = first.page_size;
  if (data->size() < 2 * page) throw_cut_off(path, data->size(), 2 * page);
  const meta_page second = read_meta(*data, page, path);
  const std::uint64_t last = first.transaction > second.transaction ? first.last_page : second.last_page;
  const std::uint64_t size = data->size();  // after the metas: a writer at work only makes it longer
  if (last >= size / page) throw_cut_off(path, size, last < UINT64_MAX / page ? (last + 1) * page : UINT64_MAX);
  check_no_void(path, (last + 1) * page);
  if (!pages_are_known()) return;
  const found_metas metas = read_metas(*data, true);
  if (!metas.findings.empty())
    throw error(errc::damaged, "lmdb: " + metas.findings.front() + " (" + path.string() + "); restore a backup");
}

void prepare_file(const std::filesystem::path& path, std::uint64_t size) {
  const descriptor fd = open_plain(path, O_RDWR | O_CREAT);
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) throw_file_error(errno, "look at", path);
  if (static_cast<std::uint64_t>(status.st_size) >= size) return;
  if (const int failed = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(size)); failed != 0)
    throw_file_error(failed, "make room in", path);
}

}  // namespace pawl::core
