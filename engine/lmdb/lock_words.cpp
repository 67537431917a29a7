#include "lmdb/lock_words.hpp"

#include <linux/futex.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <cstddef>
#include <fstream>
#include <sstream>
#include <string>

namespace pawl::core {
namespace {

// Both mutexes lie in the two cache lines in front of the table of readers (LMDB 0.9, struct MDB_txninfo), each at a
// multiple of 8, and begin with the word that is waited for.
constexpr std::size_t header_size = 128;
constexpr std::size_t step = 2;

}  // namespace

lock_words::lock_words(const std::filesystem::path& state) {
  struct stat wanted {};
  if (::stat((state / "lock.mdb").c_str(), &wanted) != 0) return;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    // FROM-TO rwxs OFFSET MAJOR:MINOR INODE PATH
    std::istringstream in(line);
    std::string range, rights, offset, device, path;
    std::uint64_t inode = 0;
    if (!(in >> range >> rights >> offset >> device >> inode) || inode != wanted.st_ino) continue;
    std::getline(in >> std::ws, path);
    if (!path.ends_with("/lock.mdb") || offset.find_first_not_of('0') != std::string::npos || rights.substr(0, 2) != "rw") continue;
    const std::size_t dash = range.find('-');
    const std::uint64_t from = std::stoull(range.substr(0, dash), nullptr, 16);
    words_ = {reinterpret_cast<std::uint32_t*>(from), header_size / sizeof(std::uint32_t)};
    return;
  }
}

void lock_words::wake_all() const noexcept {
  for (std::size_t i = 0; i < words_.size(); i += step)
    static_cast<void>(::syscall(SYS_futex, words_.data() + i, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0));
}

}  // namespace pawl::core
