#include "file/file_lock.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

namespace pawl::core {
namespace {

// Two bytes of the file: the lock, and the first place in the queue for it. So a holder that wants it again waits behind
// whoever has that place.
constexpr int the_lock = 0;
constexpr int first_place = 1;

constexpr auto look_first = std::chrono::microseconds(100);
constexpr auto look_at_last = std::chrono::milliseconds(5);

int set_lock(int fd, short type, int byte) noexcept {
  struct flock range {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = byte;
  range.l_len = 1;
  return ::fcntl(fd, F_SETLK, &range);
}

}  // namespace

file_lock::file_lock(const std::filesystem::path& path) : path_(path), fd_(open_plain(path, O_RDWR | O_CREAT)) {}

bool file_lock::try_lock(int byte) const {
  if (set_lock(fd_.get(), F_WRLCK, byte) == 0) return true;
  if (errno != EACCES && errno != EAGAIN && errno != EINTR) throw_file_error(errno, "lock", path_);
  return false;
}

void file_lock::unlock(int byte) const noexcept { static_cast<void>(set_lock(fd_.get(), F_UNLCK, byte)); }

bool file_lock::wait_for(int byte, const std::function<bool()>& enough) const {
  for (std::chrono::microseconds look = look_first; !try_lock(byte);
       look = std::min<std::chrono::microseconds>(look * 2, look_at_last)) {
    if (enough()) return false;
    std::this_thread::sleep_for(look);
  }
  return true;
}

std::optional<file_lock::held> file_lock::take(const std::function<bool()>& enough) const {
  if (!wait_for(first_place, enough)) return std::nullopt;
  try {
    const bool has_it = wait_for(the_lock, enough);
    unlock(first_place);
    return has_it ? std::optional(held(fd_.get())) : std::nullopt;
  } catch (...) {
    unlock(first_place);
    throw;
  }
}

file_lock::held::~held() {
  if (fd_ >= 0) static_cast<void>(set_lock(fd_, F_UNLCK, the_lock));
}

}  // namespace pawl::core
