// When the state of a loop is checkpointed. Arithmetic alone: it is told of times
// and asks no clock.
#pragma once

#include <pawl/detail/erased.hpp>

#include <cstdint>

namespace pawl::core {

// The time of work between two checkpoints that cost `cost_s` each, with failures `mtbf_s` apart on average, after
// which checkpoints and repeated work take the least time together. J. T. Daly, "A higher order estimate of the optimum
// checkpoint interval for restart dumps", Future Generation Computer Systems 22(3), 2006:
//
//   sqrt(2 c m) * (1 + sqrt(c / 2m) / 3 + (c / 2m) / 9) - c     for c < 2m, else m
//
// Its leading term is that of J. W. Young, "A first order approximation to the optimum checkpoint interval",
// Communications of the ACM 17(9), 1974.
[[nodiscard]] double optimum_interval_s(double cost_s, double mtbf_s) noexcept;

// The share of the time of work that is lost by Young's model: a checkpoint in each interval, and after each failure half
// an interval and checkpoint done again.
[[nodiscard]] double expected_loss(double cost_s, double interval_s, double mtbf_s) noexcept;

// A checkpoint of so many bytes before one was ever measured: written into fresh blocks (0.2 GB/s, see bench/README.md),
// and two flushes.
[[nodiscard]] double guessed_cost_s(std::uint64_t bytes) noexcept;

// Of one attempt at a loop.
class checkpoint_interval {
public:
  // `cost_s`: what a checkpoint is expected to cost, until it is known.
  checkpoint_interval(const detail::loop_policy& policy, double cost_s) noexcept : policy_(policy), cost_s_(cost_s) {}

  void round(double took_s) noexcept {
    last_s_ = took_s;
    since_s_ += took_s;
    rounds_s_ += took_s;
    ++rounds_;
  }
  // Asked after each round. The end of a round that lies nearest to the interval's counts.
  [[nodiscard]] bool due() const noexcept;
  // `cost_s`: what the next one is expected to cost.
  void checkpointed(double took_s, double cost_s) noexcept {
    spent_s_ += took_s;
    cost_s_ = cost_s;
    since_s_ = 0;
    rounds_ = 0;
  }
  [[nodiscard]] std::uint64_t rounds_since() const noexcept { return rounds_; }

private:
  const detail::loop_policy& policy_;
  double cost_s_;
  double last_s_ = 0;
  double since_s_ = 0;
  double rounds_s_ = 0;
  double spent_s_ = 0;
  std::uint64_t rounds_ = 0;
};

// What a policy comes to where a checkpoint costs so much; 0 where it counts rounds.
[[nodiscard]] double interval_of(const detail::loop_policy& policy, double cost_s) noexcept;

}  // namespace pawl::core
