#include "overhead/blocking_threads.hpp"

#include "overhead/stopwatch.hpp"

#include <atomic>
#include <barrier>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace bench {
namespace {

// The first exception of any thread; the others end when they see it.
class first_failure {
public:
  void keep(std::exception_ptr failure) noexcept {
    const std::scoped_lock lock(mutex_);
    if (!failure_) failure_ = std::move(failure);
    happened_.store(true, std::memory_order_relaxed);
  }
  [[nodiscard]] bool happened() const noexcept { return happened_.load(std::memory_order_relaxed); }
  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

private:
  std::mutex mutex_;
  std::exception_ptr failure_;
  std::atomic<bool> happened_{false};
};

void take_through(std::uint64_t key, const workload& work, step_writer& into) {
  std::string result = first_step(key, work.bytes);
  into.write({key, 1, result});
  for (std::uint32_t step = 2; step <= work.steps; ++step) {
    result = next_step(result);
    into.write({key, step, result});
  }
}

}  // namespace

measurement run_blocking_threads(const workload& work, const std::function<std::unique_ptr<step_writer>()>& open) {
  first_failure failure;
  std::atomic<std::uint64_t> next{0};
  std::atomic<std::uint64_t> done{0};
  stopwatch watch;
  measurement found;
  // All meet twice: when they can begin, and when the last item is done.
  bool running = false;
  const auto met = [&]() noexcept {
    if (running) {
      found.seconds = watch.seconds();
      found.bytes_written = watch.bytes_written();
    } else {
      watch = stopwatch(work.seconds_max);
    }
    running = true;
  };
  std::barrier meeting(static_cast<std::ptrdiff_t>(work.in_flight), met);

  const auto on_each_thread = [&] {
    std::unique_ptr<step_writer> writer;
    try {
      writer = open();
    } catch (...) {
      failure.keep(std::current_exception());
    }
    meeting.arrive_and_wait();
    std::uint64_t mine = 0;
    try {
      for (std::uint64_t number = next++; number < work.items && watch.in_time() && !failure.happened();
           number = next++) {
        take_through(key_of(number, work.keys), work, *writer);
        ++mine;
      }
    } catch (...) {
      failure.keep(std::current_exception());
    }
    done += mine;
    meeting.arrive_and_wait();
  };
  {
    std::vector<std::jthread> threads;
    try {
      while (threads.size() < work.in_flight) threads.emplace_back(on_each_thread);
    } catch (...) {
      failure.keep(std::current_exception());
      for (std::size_t missing = work.in_flight - threads.size(); missing > 0; --missing) meeting.arrive_and_drop();
    }
  }
  failure.rethrow();
  found.items = done;
  return found;
}

}  // namespace bench
