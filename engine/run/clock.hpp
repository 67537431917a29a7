// The seam to time. The engine never asks the system for the time behind its back.
#pragma once

#include <cstdint>

namespace pawl::core {

class clock {
public:
  virtual ~clock() = default;
  // Nanoseconds from an arbitrary start, monotonic for each thread; what two threads read may be a microsecond apart.
  [[nodiscard]] virtual std::uint64_t now_ns() noexcept = 0;
  // Microseconds of the Unix epoch; may jump. Any thread.
  [[nodiscard]] virtual std::uint64_t unix_us() noexcept = 0;
};

// The machine's own clocks. One object for the process.
[[nodiscard]] clock& system_clock() noexcept;

}  // namespace pawl::core
