#include "support/process.hpp"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>

namespace bench {
namespace {

// The number behind `name` in a file of lines `NAME: NUMBER ...`; 0 where there is none.
std::uint64_t number_in(const std::string& file, const std::string& name) {
  std::ifstream lines(file);
  for (std::string word; lines >> word;) {
    if (word != name) continue;
    std::uint64_t number = 0;
    lines >> number;
    return number;
  }
  return 0;
}

std::string folder_of(pid_t process) { return "/proc/" + (process == this_process ? "self" : std::to_string(process)); }

}  // namespace

std::uint64_t anonymous_memory(pid_t process) { return number_in(folder_of(process) + "/status", "RssAnon:") * 1024; }

std::uint64_t bytes_written(pid_t process) { return number_in(folder_of(process) + "/io", "write_bytes:"); }

memory_watch::memory_watch()
    : thread_([this] {
        while (!ending_.load(std::memory_order_relaxed)) {
          sample();
          std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
      }) {}

memory_watch::~memory_watch() {
  ending_.store(true, std::memory_order_relaxed);
  thread_.join();
}

void memory_watch::sample() {
  const std::uint64_t now = anonymous_memory();
  std::uint64_t highest = peak_.load(std::memory_order_relaxed);
  while (now > highest && !peak_.compare_exchange_weak(highest, now, std::memory_order_relaxed)) {
  }
}

std::uint64_t memory_watch::peak() {
  sample();
  return peak_.load(std::memory_order_relaxed);
}

std::uint64_t memory_watch::take_peak() {
  sample();
  return peak_.exchange(0, std::memory_order_relaxed);
}

}  // namespace bench
