// Group commit as one writes it by hand today: threads that block.
//
// Each thread does a step, hands the record over, and sleeps until the group that
// its record went with is on the disk. One writer thread commits what gathered
// while its last commit ran, and lets those whom that commit woke come along.
// Knows nothing of what the records go into.
#pragma once

#include "overhead/work.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace bench {

struct record {
  std::uint64_t key;
  std::uint32_t step;       // completed: 1 after the first
  std::string_view result;  // of the thread that waits, so it lives until the group is durable
};

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
