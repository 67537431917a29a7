#include "run/checkpoint_interval.hpp"

#include <algorithm>
#include <cmath>

namespace pawl::core {

double optimum_interval_s(double cost_s, double mtbf_s) noexcept {
  if (cost_s >= 2 * mtbf_s) return mtbf_s;
  const double share = cost_s / (2 * mtbf_s);
  return std::sqrt(2 * cost_s * mtbf_s) * (1 + std::sqrt(share) / 3 + share / 9) - cost_s;
}

double expected_loss(double cost_s, double interval_s, double mtbf_s) noexcept {
  if (!(interval_s > 0 && mtbf_s > 0)) return 0;
  return cost_s / interval_s + (interval_s + cost_s) / (2 * mtbf_s);
}

double guessed_cost_s(std::uint64_t bytes) noexcept { return 0.002 + static_cast<double>(bytes) / 0.2e9; }

double interval_of(const detail::loop_policy& policy, double cost_s) noexcept {
  if (policy.every_s > 0) return policy.every_s;
  if (policy.mtbf_s > 0) return optimum_interval_s(cost_s, policy.mtbf_s);
  if (policy.overhead_at_most > 0) return cost_s / policy.overhead_at_most;
  return 0;
}

bool checkpoint_interval::due() const noexcept {
  if (policy_.every_rounds != 0) return rounds_ >= policy_.every_rounds;
  // A share that is not to be exceeded: what was spent and is about to be must have been earned by then.
  if (policy_.overhead_at_most > 0) return spent_s_ + cost_s_ <= policy_.overhead_at_most * rounds_s_;
  return since_s_ + last_s_ / 2 >= interval_of(policy_, cost_s_);
}

}  // namespace pawl::core
