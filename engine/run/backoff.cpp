#include "run/backoff.hpp"

#include <algorithm>
#include <cmath>

namespace pawl::core {

std::uint64_t backoff_ns(const detail::retry_policy& policy, std::uint32_t failed, jitter_source& jitter) noexcept {
  const double exponent = failed > 0 ? static_cast<double>(failed - 1) : 0.0;
  const double delay_s = std::min(policy.first_delay_s * std::pow(policy.factor, exponent), policy.max_delay_s);
  const double spread = 1.0 + policy.jitter * (2.0 * jitter.next() - 1.0);
  // A year is for ever here, and keeps the product inside 64 bits.
  const double seconds = std::clamp(delay_s * spread, 0.0, 365.0 * 24 * 3600);
  return std::isnan(seconds) ? 0 : static_cast<std::uint64_t>(seconds * 1e9);
}

}  // namespace pawl::core
