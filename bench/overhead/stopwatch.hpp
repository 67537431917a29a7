// The clock of a measurement, its limit, and what went to the disk since it was
// started. It can be held while something is done that is no part of what is
// measured.
#pragma once

#include "support/process.hpp"

#include <chrono>
#include <cstdint>

namespace bench {

class stopwatch {
public:
  // Starts at once. `seconds_max`: 0 for no limit.
  explicit stopwatch(double seconds_max = 0) : seconds_max_(seconds_max) {}

  [[nodiscard]] double seconds() const { return std::chrono::duration<double>(clock::now() - began_).count() - held_; }
  [[nodiscard]] bool in_time() const { return seconds_max_ == 0 || seconds() < seconds_max_; }

  // By this process.
  [[nodiscard]] std::uint64_t bytes_written() const { return bench::bytes_written() - written_before_; }

  // What this does does not count.
  template <class Work>
  void hold_during(Work&& work) {
    const auto before = clock::now();
    work();
    held_ += std::chrono::duration<double>(clock::now() - before).count();
  }

private:
  using clock = std::chrono::steady_clock;
  double seconds_max_;
  std::uint64_t written_before_ = bench::bytes_written();
  clock::time_point began_ = clock::now();
  double held_ = 0;
};

}  // namespace bench
