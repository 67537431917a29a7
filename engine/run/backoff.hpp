// Exponential back-off with jitter: a pure function and a small generator for it.
#pragma once

#include <pawl/detail/erased.hpp>

#include <cstdint>

namespace pawl::core {

// xorshift64* (Marsaglia 2003, Vigna 2016): enough for jitter, 8 bytes of state, seeded per worker.
class jitter_source {
public:
  explicit jitter_source(std::uint64_t seed) noexcept : state_(seed == 0 ? 0x9e3779b97f4a7c15u : seed) {}
  // Uniform in [0, 1).
  double next() noexcept {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return static_cast<double>((state_ * 0x2545f4914f6cdd1du) >> 11) * 0x1p-53;
  }

private:
  std::uint64_t state_;
};

// How long to wait after `failed` failed attempts (1, 2, ...), in nanoseconds:
// first_delay * factor^(failed-1), at most max_delay, times a random factor in [1 - jitter, 1 + jitter].
[[nodiscard]] std::uint64_t backoff_ns(const detail::retry_policy& policy, std::uint32_t failed,
                                       jitter_source& jitter) noexcept;

}  // namespace pawl::core
