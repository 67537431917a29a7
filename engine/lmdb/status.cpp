#include "lmdb/status.hpp"

#include <lmdb.h>

#include <cerrno>
#include <string>

namespace pawl::core {
namespace {

struct meaning {
  errc code;
  const char* cause;  // null: LMDB's own words
  const char* advice;
};

constexpr const char* damaged_advice = "run `pawl verify` on it or restore a backup";

meaning meaning_of(int status) noexcept {
  switch (status) {
    case MDB_NOTFOUND:
      return {errc::damaged, "a record that must be there is missing", damaged_advice};
    case MDB_KEYEXIST:
      return {errc::damaged, "a record is there that must not be", damaged_advice};
    case MDB_PAGE_NOTFOUND:
    case MDB_CORRUPTED:
      return {errc::damaged, "pages of data.mdb are damaged", damaged_advice};
    case MDB_INVALID:
      return {errc::damaged, "data.mdb is not a file of LMDB 0.9 (damaged, or made by LMDB 1.0)",
              "open it with the release that made it, or restore a backup"};
    case MDB_VERSION_MISMATCH:
      return {errc::newer_format, "data.mdb was written by a newer LMDB", "use the release of pawl that wrote it"};
    case MDB_PANIC:
      return {errc::io, "an earlier failure left it unknown what is on the disk", "end the program and run it again"};
    case MDB_MAP_FULL:
      return {errc::disk_full, "the address space set aside for data.mdb is used up",
              "raise the map size (and `ulimit -v`, if it is set) and run again"};
    case MDB_DBS_FULL:
    case MDB_BAD_DBI:
      return {errc::damaged, "a sub-database is missing", damaged_advice};
    case MDB_READERS_FULL:
      return {errc::io, "too many readers have it open", "end some of the programs that read this state"};
    case MDB_TXN_FULL:
    case MDB_BAD_TXN:
    case MDB_BAD_RSLOT:
      return {errc::io, nullptr, "run again, and report this"};
    case MDB_CURSOR_FULL:
    case MDB_PAGE_FULL:
      return {errc::damaged, nullptr, damaged_advice};
    case MDB_MAP_RESIZED:
      return {errc::io, "another process made data.mdb larger than this one can map", "run this program again"};
    case MDB_INCOMPATIBLE:
      return {errc::damaged, "a sub-database is of another kind", damaged_advice};
    case MDB_BAD_VALSIZE:
      return {errc::damaged, "a key or value has a size that cannot be", damaged_advice};
    case ENOSPC:
    case EDQUOT:
      return {errc::disk_full, nullptr, "free some room on this file system and run again"};
    case EFBIG:
      return {errc::disk_full, nullptr, "raise the file size limit of this process (ulimit -f) and run again"};
    case ENOMEM:
      return {errc::io, nullptr, "free some memory, or raise `ulimit -v`, and run again"};
    case EACCES:
    case EPERM:
      return {errc::io, nullptr, "run as the user that the state belongs to, or change its permissions"};
    case EROFS:
      return {errc::io, nullptr, "the file system is mounted read-only"};
    case EMFILE:
    case ENFILE:
      return {errc::io, nullptr, "raise the limit of open files (ulimit -n)"};
    case EAGAIN:
    case EBUSY:
      return {errc::state_in_use, "another process is opening it, or has it open in another PID namespace (container)",
              "run again when that process has ended"};
    case EIO:
      return {errc::io, nullptr, "look at the kernel's log for what is wrong with the disk, then run again"};
    default:
      return {errc::io, nullptr, "mend the cause and run again"};
  }
}

}  // namespace

errc code_of_lmdb(int status) noexcept { return meaning_of(status).code; }

void throw_lmdb(int status, std::string_view doing, const std::filesystem::path& state) {
  const meaning what = meaning_of(status);
  const std::string cause = what.cause != nullptr ? what.cause : ::mdb_strerror(status);
  throw error(what.code,
              "lmdb: cannot " + std::string(doing) + " in " + state.string() + ": " + cause + "; " + what.advice);
}

}  // namespace pawl::core
