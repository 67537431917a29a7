#include "state/flusher.hpp"

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
    } catch (...) {  // the journal has failed for good, and says why to whoever appends or flushes next
      return;
    }
    std::unique_lock lock(mutex_);
    if (changed_.wait_until(lock, next, [this] { return ending_; })) return;
  }
}

}  // namespace pawl::core
