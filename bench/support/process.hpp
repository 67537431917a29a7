// What this process has used, as the kernel counts it.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

namespace bench {

// Anonymous memory that is resident now, bytes: heap and stacks, not pages of mapped files.
[[nodiscard]] std::uint64_t anonymous_memory();

// Bytes that this process has sent towards the disk; 0 where the kernel does not count them.
[[nodiscard]] std::uint64_t bytes_written();

// Samples anonymous_memory() every 10 ms on a thread of its own, and keeps the highest.
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
