// The interval between checkpoints, against values worked out by hand.
#include "run/checkpoint_interval.hpp"
#include "run/loop_totals.hpp"
#include "support/catch.hpp"

#include <cmath>

using namespace pawl;
using namespace pawl::core;
using detail::loop_policy;

namespace {

bool near(double a, double b, double relative = 1e-6) { return std::abs(a - b) <= relative * std::abs(b); }

// Rounds of `round_s` until a checkpoint is due.
int rounds_until_due(checkpoint_interval& interval, double round_s, int most = 1'000'000) {
  for (int rounds = 1; rounds <= most; ++rounds) {
    interval.round(round_s);
    if (interval.due()) return rounds;
  }
  return 0;
}

}  // namespace

TEST_CASE("the optimum interval is Daly's, whose leading term is Young's") {
  // c = 2, m = 10,000: sqrt(40,000) = 200; c / 2m = 1e-4; 200 * (1 + 0.01 / 3 + 1e-4 / 9) - 2
  CHECK(near(optimum_interval_s(2, 10'000), 200 * (1 + 0.0033333333 + 0.0000111111) - 2));
  // c = 0.5, m = 100: sqrt(100) = 10; c / 2m = 0.0025; 10 * (1 + 0.05 / 3 + 0.0025 / 9) - 0.5
  CHECK(near(optimum_interval_s(0.5, 100), 10 * (1 + 0.0166666667 + 0.0002777778) - 0.5));
  CHECK(near(optimum_interval_s(0.001, 86'400), std::sqrt(172.8), 1e-3));
  CHECK(optimum_interval_s(30, 10) == 10);
  CHECK(optimum_interval_s(20, 10) == 10);
  CHECK(optimum_interval_s(0, 10) == 0);
}

TEST_CASE("what is lost is least at the optimum interval") {
  const double cost = 3;
  const double mtbf = 5000;
  const double best = optimum_interval_s(cost, mtbf);
  CHECK(near(expected_loss(cost, 100, mtbf), 3.0 / 100 + 103.0 / 10'000));
  for (const double factor : {0.25, 0.5, 0.8, 1.25, 2.0, 4.0}) {
    CAPTURE(factor);
    CHECK(expected_loss(cost, best * factor, mtbf) > expected_loss(cost, best, mtbf));
  }
  CHECK(expected_loss(cost, 100, 0) == 0);
}

TEST_CASE("a checkpoint is due at the end of the round that is nearest to the interval's") {
  const loop_policy every_ten_seconds{.every_s = 10};
  checkpoint_interval interval(every_ten_seconds, 0);
  CHECK(rounds_until_due(interval, 4) == 2);  // 8 is nearer to 10 than 12 is
  interval.checkpointed(1, 1);
  CHECK(interval.rounds_since() == 0);
  CHECK(rounds_until_due(interval, 3) == 3);
  interval.checkpointed(1, 1);
  CHECK(rounds_until_due(interval, 25) == 1);
  const loop_policy every_fourth_round{.every_rounds = 4};
  checkpoint_interval counted(every_fourth_round, 0);
  CHECK(rounds_until_due(counted, 1e-9) == 4);
  counted.checkpointed(1, 1);
  CHECK(rounds_until_due(counted, 1e9) == 4);
}

TEST_CASE("a stated mean time between failures follows what checkpoints turn out to cost") {
  const loop_policy daily{.mtbf_s = 10'000};
  checkpoint_interval interval(daily, 2);
  CHECK(rounds_until_due(interval, 1) == 199);  // 198.67
  interval.checkpointed(0.5, 0.5);
  CHECK(rounds_until_due(interval, 1) == 100);  // 99.67
  interval.checkpointed(8, 8);
  CHECK(rounds_until_due(interval, 1) == 395);  // 394.69
}

TEST_CASE("a share that checkpoints may take is never exceeded, also by the first ones") {
  const loop_policy one_percent{.overhead_at_most = 0.01};
  checkpoint_interval interval(one_percent, 1);
  double rounds_s = 0;
  double spent_s = 0;
  for (const double cost : {5.0, 1.0, 1.0, 0.5, 2.0, 0.1}) {
    const int rounds = rounds_until_due(interval, 1);
    REQUIRE(rounds > 0);
    rounds_s += rounds;
    CHECK(spent_s + (spent_s == 0 ? 1.0 : 0.0) <= 0.01 * rounds_s);
    spent_s += cost;
    interval.checkpointed(cost, cost);
  }
  // The first was expected to cost 1 and cost 5, so the second waited until 5 + 5 were earned, and so on.
  CHECK(spent_s <= 0.01 * (rounds_s + 210));
  CHECK(near(interval_of(one_percent, 0.5), 50));
  CHECK(interval_of({.every_rounds = 3}, 0.5) == 0);
}

TEST_CASE("the cost of a checkpoint is the mean of those that wrote over old blocks, once there are any") {
  loop_totals totals;
  const loop_policy policy{.mtbf_s = 10'000};
  CHECK(totals.known_cost_s() == 0);
  CHECK(totals.checkpointed(6, 100, true) == 6);
  CHECK(totals.checkpointed(4, 100, true) == 5);
  CHECK(totals.checkpointed(1, 100, false) == 1);
  CHECK(totals.checkpointed(3, 100, false) == 2);
  totals.rounds(7, 700);
  const loop_report report = totals.report(policy);
  CHECK(report.checkpoints == 4);
  CHECK(report.bytes == 400);
  CHECK(report.checkpoint_s == 2);
  CHECK(near(report.interval_s, optimum_interval_s(2, 10'000)));
  CHECK(near(report.predicted_overhead, 2 / optimum_interval_s(2, 10'000)));
  CHECK(near(report.predicted_loss, expected_loss(2, report.interval_s, 10'000)));
  CHECK(near(report.measured_overhead, 14.0 / 700));
}
