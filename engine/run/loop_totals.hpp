// What the loops of one step came to in a run, all workers together.
#pragma once

#include "run/checkpoint_interval.hpp"

#include <pawl/report.hpp>

#include <cstdint>
#include <mutex>

namespace pawl::core {

class loop_totals {
public:
  // One checkpoint; returns what the next one is expected to cost.
  double checkpointed(double took_s, std::uint64_t bytes, bool fresh) noexcept {
    const std::scoped_lock lock(mutex_);
    ++sums_.checkpoints;
    sums_.bytes += bytes;
    sums_.checkpoints_s += took_s;
    if (!fresh) {
      ++overwritten_;
      overwritten_s_ += took_s;
    }
    return cost_s();
  }
  void rounds(std::uint64_t count, double took_s) noexcept {
    const std::scoped_lock lock(mutex_);
    sums_.rounds += count;
    sums_.rounds_s += took_s;
  }
  void resumed(std::uint64_t rounds_saved) noexcept {
    const std::scoped_lock lock(mutex_);
    ++sums_.resumed;
    sums_.rounds_saved += rounds_saved;
  }
  void started_over() noexcept {
    const std::scoped_lock lock(mutex_);
    ++sums_.started_over;
  }
  // What a checkpoint costs as far as is known; 0 where none was written.
  [[nodiscard]] double known_cost_s() const noexcept {
    const std::scoped_lock lock(mutex_);
    return cost_s();
  }
  [[nodiscard]] loop_report report(const detail::loop_policy& policy) const noexcept {
    const std::scoped_lock lock(mutex_);
    loop_report made = sums_;
    made.checkpoint_s = cost_s();
    if (made.checkpoints != 0 || policy.every_s > 0) made.interval_s = interval_of(policy, made.checkpoint_s);
    if (made.interval_s > 0) made.predicted_overhead = made.checkpoint_s / made.interval_s;
    made.predicted_loss = expected_loss(made.checkpoint_s, made.interval_s, policy.mtbf_s);
    if (made.rounds_s > 0) made.measured_overhead = made.checkpoints_s / made.rounds_s;
    return made;
  }

private:
  // Blocks are new once and written over ever after.
  [[nodiscard]] double cost_s() const noexcept {
    if (overwritten_ != 0) return overwritten_s_ / static_cast<double>(overwritten_);
    return sums_.checkpoints != 0 ? sums_.checkpoints_s / static_cast<double>(sums_.checkpoints) : 0;
  }

  mutable std::mutex mutex_;
  loop_report sums_;
  std::uint64_t overwritten_ = 0;
  double overwritten_s_ = 0;
};

}  // namespace pawl::core
