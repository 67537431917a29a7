// The flusher of `process` durability: what is recorded survives a power cut after
// this interval at the latest.
#pragma once

#include "journal/journal.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace pawl::core {

class flusher {
public:
  flusher(journal& log, std::chrono::nanoseconds interval);
  ~flusher();
  flusher(const flusher&) = delete;
  flusher& operator=(const flusher&) = delete;

private:
  void work() noexcept;

  journal& log_;
  const std::chrono::nanoseconds interval_;
  std::mutex mutex_;  // ending_
  std::condition_variable changed_;
  bool ending_ = false;
  std::thread thread_;  // last: starts when the rest stands
};

}  // namespace pawl::core
