// What a process has used, as the kernel counts it.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

#include <sys/types.h>

namespace bench {

inline constexpr pid_t this_process = 0;

// Anonymous memory that is resident now, bytes: heap and stacks, not pages of mapped files.
[[nodiscard]] std::uint64_t anonymous_memory(pid_t process = this_process);

// Bytes that the process, and those of its children that have ended, sent towards the disk; 0 where the kernel does
// not count them.
[[nodiscard]] std::uint64_t bytes_written(pid_t process = this_process);

// Samples anonymous_memory() of this process every 10 ms on a thread of its own, and keeps the highest.
class memory_watch {
public:
  memory_watch();
  ~memory_watch();
  memory_watch(const memory_watch&) = delete;
  memory_watch& operator=(const memory_watch&) = delete;
  // Bytes; includes a sample taken now.
  [[nodiscard]] std::uint64_t peak();
  // The same, and starts anew.
  [[nodiscard]] std::uint64_t take_peak();

private:
  void sample();
  std::atomic<std::uint64_t> peak_{0};
  std::atomic<bool> ending_{false};
  std::thread thread_;  // last: starts when the rest stands
};

}  // namespace bench
