#include "run/clock.hpp"

#include "run/tick_clock.hpp"

#include <ctime>

namespace pawl::core {
namespace {

std::uint64_t read_ns(clockid_t id) noexcept {
  timespec time{};
  ::clock_gettime(id, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(time.tv_nsec);
}

class machine_clock final : public clock {
public:
  std::uint64_t now_ns() noexcept override {
    if (!has_ticks_) return read_ns(CLOCK_MONOTONIC);
    thread_local constinit tick_clock mine;
    return mine.now_ns(read_ticks, [] { return read_ns(CLOCK_MONOTONIC); });
  }
  std::uint64_t unix_us() noexcept override { return read_ns(CLOCK_REALTIME) / 1000; }

private:
  const bool has_ticks_ = ticks_are_invariant();
};

}  // namespace

clock& system_clock() noexcept {
  static machine_clock the_clock;
  return the_clock;
}

}  // namespace pawl::core
