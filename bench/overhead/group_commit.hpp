// Group commit as one writes it by hand today.
//
// Each thread hands its record over, and sleeps until the group that the record
// went with is on the disk. One writer thread commits what gathered while its
// last commit ran, and lets those whom that commit woke come along. Knows nothing
// of what the records go into.
#pragma once

#include "overhead/blocking_threads.hpp"

#include <span>

namespace bench {

// What the groups are written to. All calls come one after the other.
class group_store {
public:
  virtual ~group_store() = default;
  // Makes each record the row of its key, in place of the one before. Durable when it returns.
  virtual void write(std::span<const record> group) = 0;
  // hash_of, summed over all rows.
  virtual std::uint64_t hash() = 0;
};

// Takes the items through their steps on `in_flight` threads.
// Throws what the store throws, once all threads have ended.
[[nodiscard]] measurement measure_group_commit(const workload& work, group_store& into);

}  // namespace bench
