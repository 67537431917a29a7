// Nanoseconds out of the processor's counter of ticks.
//
// The system's clock costs 28 ns a reading here, the counter 11 ns, and a step is
// timed twice. So each thread takes the system's time once a millisecond, an
// anchor, and between two anchors counts ticks; how many nanoseconds a tick is,
// the last two anchors say. Wherever that cannot be relied on (the first
// milliseconds, after a pause of a virtual machine, where two rates in a row
// differ) the system's clock is asked.
//
// Readings of one thread never go back. Those of two threads are apart by what
// their anchors are wrong by, which is below a microsecond.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>
#endif

namespace pawl::core {

#if defined(__x86_64__)
inline std::uint64_t read_ticks() noexcept { return __rdtsc(); }
// True where the counter runs at one rate, whatever the processor's frequency and sleep states are.
inline bool ticks_are_invariant() noexcept {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(0x80000007u, &a, &b, &c, &d) != 0 && (d & (1u << 8)) != 0;
}
#else
inline std::uint64_t read_ticks() noexcept { return 0; }
inline bool ticks_are_invariant() noexcept { return false; }
#endif

// One thread's clock.
class tick_clock {
public:
  // `ticks` reads the counter, `system_ns` the system's monotonic clock.
  template <class Ticks, class System>
  std::uint64_t now_ns(Ticks ticks, System system_ns) noexcept {
    const std::uint64_t since = ticks() - anchor_ticks_;  // huge where the counter went back
    if (since < good_for_ticks_) return later(anchor_ns_ + (since * ns_per_tick_ >> 32));
    const std::uint64_t before = ticks();
    const std::uint64_t ns = system_ns();
    anchor(before, ticks(), ns);
    return later(ns);
  }

private:
  static constexpr std::uint64_t anchor_every_ns = 1'000'000;
  // What lies between two readings of the counter around one of the system's clock; more, and somebody interrupted.
  static constexpr std::uint64_t reading_ticks_at_most = 4'000;

  std::uint64_t later(std::uint64_t ns) noexcept { return last_ns_ = ns > last_ns_ ? ns : last_ns_; }

  void anchor(std::uint64_t before, std::uint64_t after, std::uint64_t ns) noexcept {
    good_for_ticks_ = 0;
    if (after - before > reading_ticks_at_most) return;
    const std::uint64_t passed_ns = ns - anchor_ns_;
    const std::uint64_t passed_ticks = before - anchor_ticks_;
    // Too soon to tell a rate from: the anchor that is there stays.
    if (anchor_ns_ != 0 && passed_ns < anchor_every_ns) return;
    const std::uint64_t rate_before = ns_per_tick_;
    ns_per_tick_ = static_cast<std::uint64_t>(static_cast<double>(passed_ns) * 4294967296.0 /
                                              (static_cast<double>(passed_ticks) + 1.0));
    anchor_ticks_ = before;
    anchor_ns_ = ns;
    const std::uint64_t apart = ns_per_tick_ > rate_before ? ns_per_tick_ - rate_before : rate_before - ns_per_tick_;
    if (apart > rate_before / 1024 || ns_per_tick_ >> 36 != 0) return;
    good_for_ticks_ = (anchor_every_ns << 32) / (ns_per_tick_ + 1);
  }

  std::uint64_t anchor_ticks_ = 0;
  std::uint64_t anchor_ns_ = 0;
  std::uint64_t ns_per_tick_ = 0;     // 32 bits behind the point
  std::uint64_t good_for_ticks_ = 0;  // from the anchor on; 0: the system's clock is asked
  std::uint64_t last_ns_ = 0;
};

}  // namespace pawl::core
