// What came of the children of one item, counted: the result of a pawl::each.
#pragma once

#include <cstdint>

namespace pawl {

/// total == done + failed + skipped. A plain aggregate, so it has a codec: it is recorded as any step's result.
struct children {
  std::uint64_t total = 0;     ///< that the source gave
  std::uint64_t done = 0;
  std::uint64_t failed = 0;    ///< with .count_failures() only: without it their parent fails
  std::uint64_t skipped = 0;
  std::uint64_t vanished = 0;  ///< recorded before, and not given by the source any more: not run, not in total
  friend bool operator==(const children&, const children&) = default;
};

}  // namespace pawl
