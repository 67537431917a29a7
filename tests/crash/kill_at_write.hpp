// A child that kills itself in front of its n-th write, flush, renaming or removal. For one file of a program.
#pragma once

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstddef>

namespace pawl::test {

inline std::atomic<long> operations{0};
inline long kill_at = 0;

inline void count_operation() {
  if (++operations == kill_at) ::kill(::getpid(), SIGKILL);
}

}  // namespace pawl::test

extern "C" int fdatasync(int fd) {
  pawl::test::count_operation();
  return static_cast<int>(::syscall(SYS_fdatasync, fd));
}
extern "C" ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  pawl::test::count_operation();
  return static_cast<ssize_t>(::syscall(SYS_pwrite64, fd, bytes, size, offset));
}
extern "C" ssize_t pwrite64(int fd, const void* bytes, size_t size, off_t offset) {
  return pwrite(fd, bytes, size, offset);
}
extern "C" ssize_t writev(int fd, const iovec* pieces, int pieces_count) {
  pawl::test::count_operation();
  return static_cast<ssize_t>(::syscall(SYS_writev, fd, pieces, pieces_count));
}
extern "C" int fsync(int fd) {
  pawl::test::count_operation();
  return static_cast<int>(::syscall(SYS_fsync, fd));
}
extern "C" int rename(const char* from, const char* to) noexcept {
  pawl::test::count_operation();
  return static_cast<int>(::syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to));
}
extern "C" int unlink(const char* path) {
  pawl::test::count_operation();
  return static_cast<int>(::syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}
