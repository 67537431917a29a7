// Steps as one writes them by hand today: one thread for each item in flight,
// which blocks until its step is recorded. Knows nothing of where that is.
#pragma once

#include "overhead/work.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

namespace bench {

struct record {
  std::uint64_t key;
  std::uint32_t step;       // completed: 1 after the first
  std::string_view result;  // lives until the write returns
};

// One thread's way to the store.
class step_writer {
public:
  virtual ~step_writer() = default;
  // Makes the record the row of its key, in place of the one before. When it returns, the record is as durable
  // as was asked for. Throws what the store throws.
  virtual void write(const record& what) = 0;
};

// Takes the items through their steps on `in_flight` threads; items, seconds and bytes_written are set in
// what it returns.
// `open` is called once on each thread, and the clock starts when all have come through it; it stops before the
// writers are destroyed. Throws the first thing that was thrown on one of the threads, once all have ended.
[[nodiscard]] measurement run_blocking_threads(const workload& work,
                                               const std::function<std::unique_ptr<step_writer>()>& open);

}  // namespace bench
