#include "state/flusher.hpp"

#include <pawl/error.hpp>

namespace pawl::core {

flusher::flusher(journal& log, std::chrono::nanoseconds interval)
    : log_(log), interval_(interval), thread_([this] { work(); }) {}

flusher::~flusher() {
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

// The interval runs from the beginning of a flush to the beginning of the next, so that none of it is spent waiting for
// the disk.
void flusher::work() noexcept {
  for (;;) {
    const auto next = std::chrono::steady_clock::now() + interval_;
    try {
      if (log_.durable() != log_.recorded()) log_.flush();
    } catch (const error&) {  // the journal has failed for good, and says so to whoever appends next
      return;
    }
    std::unique_lock lock(mutex_);
    if (changed_.wait_until(lock, next, [this] { return ending_; })) return;
  }
}

}  // namespace pawl::core
