#include "support/catch.hpp"

#include <pawl/error.hpp>
#include <pawl/workflow.hpp>

#include <chrono>
#include <cmath>
#include <exception>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>

using namespace std::chrono_literals;

namespace {

constexpr auto same = [](int n) { return n; };

template <class Step>
pawl::detail::erased_step built(Step step) {
  return pawl::detail::chain_of(pawl::workflow<"flow">(std::move(step)))->steps.at(0);
}

// The sentence of the pawl::error that `build` throws.
template <class Build>
std::string refusal(Build build) {
  try {
    build();
  } catch (const pawl::error& refused) {
    CHECK(refused.code() == pawl::errc::bad_argument);
    return refused.what();
  }
  return "not refused";
}

}  // namespace

TEST_CASE("without modifiers a step has one attempt and no limits") {
  const auto step = built(pawl::step<"s">(same));
  CHECK_FALSE(step.retry.has_value());
  CHECK(step.retry_on.empty());
  CHECK(step.skip_on.empty());
  CHECK(step.timeout_s == 0);
  CHECK(step.version == 0);
  CHECK(step.concurrency == 0);
  CHECK(step.rate.calls == 0);
  CHECK_FALSE(step.idempotent);
  CHECK(step.migrations.empty());
  CHECK_FALSE(step.keep);
  CHECK_FALSE(step.discard);
}

TEST_CASE("modifiers are written into the table") {
  const auto step = built(pawl::step<"s">(same)
                              .retry({.attempts = 5, .first_delay = 200ms})
                              .retry_on<std::bad_alloc>({.attempts = 2, .factor = 3, .max_delay = 1min, .jitter = 0})
                              .skip_on<std::logic_error>(10)
                              .timeout(1500ms)
                              .version(7)
                              .concurrency(4)
                              .discard());
  REQUIRE(step.retry.has_value());
  CHECK(step.retry->attempts == 5);
  CHECK(step.retry->first_delay_s == Approx(0.2));
  CHECK(step.retry->factor == 2);
  CHECK(step.retry->max_delay_s == 60);
  CHECK(step.retry->jitter == 0.2);
  REQUIRE(step.retry_on.size() == 1);
  CHECK(step.retry_on[0].policy.attempts == 2);
  CHECK(step.retry_on[0].policy.first_delay_s == 1);
  CHECK(step.retry_on[0].policy.factor == 3);
  REQUIRE(step.skip_on.size() == 1);
  CHECK(step.skip_on[0].limit == 10);
  CHECK(step.timeout_s == Approx(1.5));
  CHECK(step.version == 7);
  CHECK(step.concurrency == 4);
  CHECK(step.discard);
  CHECK(built(pawl::step<"s">(same).concurrency(pawl::serial)).concurrency == 1);
  CHECK(built(pawl::step<"s">(same).keep()).keep);
  CHECK(built(pawl::step<"s">(same).idempotent()).idempotent);
  const auto limited = built(pawl::step<"s">(same).rate_limit({.calls = 3, .per = 1500ms}));
  CHECK(limited.rate.calls == 3);
  CHECK(limited.rate.per_s == Approx(1.5));
}

TEST_CASE("modifiers give the step back, by value") {
  auto step = pawl::step<"s">(same).retry({.attempts = 2});
  STATIC_REQUIRE(std::is_same_v<decltype(step), decltype(std::move(step).keep())>);
  STATIC_REQUIRE(std::is_copy_constructible_v<decltype(step)>);
}

TEST_CASE("a migration is written into the table, with Old from its parameter") {
  const auto step = built(pawl::step<"s">(same).version(1).migrate([](std::string&& old) {
    return static_cast<int>(std::string(std::move(old)).size());
  }));
  REQUIRE(step.migrations.size() == 1);
  const pawl::detail::migration& one = step.migrations[0];
  CHECK(one.from == &pawl::detail::value_type_of<std::string>());
  std::string old = "four";
  int made = 0;
  one.apply(one.self.get(), &made, &old);
  CHECK(made == 4);
  CHECK(old.empty());
}

TEST_CASE("a rule matches its exception and what derives from it, and nothing else") {
  const auto step = built(pawl::step<"s">(same).retry_on<std::runtime_error>({}).skip_on<int>(1));
  const auto thrown = [](auto what) { return std::make_exception_ptr(what); };
  const auto matches = step.retry_on.at(0).matches;
  CHECK(matches(thrown(std::runtime_error("x"))));
  CHECK(matches(thrown(std::range_error("x"))));
  CHECK_FALSE(matches(thrown(std::logic_error("x"))));
  CHECK_FALSE(matches(thrown(7)));
  CHECK(step.skip_on.at(0).matches(thrown(7)));
  CHECK_FALSE(step.skip_on.at(0).matches(thrown(7L)));
}

TEST_CASE("rules are kept in the order in which they are written") {
  const auto step = built(
      pawl::step<"s">(same).retry_on<std::range_error>({.attempts = 2}).retry_on<std::runtime_error>({.attempts = 3}));
  REQUIRE(step.retry_on.size() == 2);
  CHECK(step.retry_on[0].policy.attempts == 2);
  CHECK(step.retry_on[1].policy.attempts == 3);
}

TEST_CASE("values that make no sense are refused with a sentence that names the step") {
  const double nan = std::nan("");
  const auto retry = [](pawl::retry_options options) {
    return refusal([&] { (void)pawl::step<"fetch">(same).retry(options); });
  };
  CHECK(retry({.attempts = 0}) ==
        "workflow: step 'fetch': retry: attempts is 0, so the step would never be called; 1 is one call without a "
        "retry");
  CHECK_THAT(retry({.first_delay = -1s}), Catch::Contains("first_delay"));
  CHECK_THAT(retry({.first_delay = pawl::seconds(nan)}), Catch::Contains("first_delay"));
  CHECK_THAT(retry({.max_delay = -1s}), Catch::Contains("max_delay"));
  CHECK_THAT(retry({.max_delay = pawl::seconds(std::numeric_limits<double>::infinity())}),
             Catch::Contains("max_delay"));
  CHECK_THAT(retry({.first_delay = 2min}), Catch::Contains("max_delay is shorter than first_delay"));
  CHECK_THAT(retry({.factor = 0.5}), Catch::Contains("factor"));
  CHECK_THAT(retry({.factor = nan}), Catch::Contains("factor"));
  CHECK_THAT(retry({.jitter = 1.5}), Catch::Contains("jitter"));
  CHECK_THAT(retry({.jitter = nan}), Catch::Contains("jitter"));
  const auto other = [](auto modify) { return refusal([&] { modify(pawl::step<"fetch">(same)); }); };
  CHECK_THAT(other([](auto s) { (void)std::move(s).template retry_on<int>({.attempts = 0}); }),
             Catch::Contains("step 'fetch': retry_on"));
  CHECK_THAT(other([](auto s) { (void)std::move(s).timeout(0s); }), Catch::Contains("timeout"));
  CHECK_THAT(other([](auto s) { (void)std::move(s).timeout(-1s); }), Catch::Contains("timeout"));
  CHECK_THAT(other([&](auto s) { (void)std::move(s).timeout(pawl::seconds(nan)); }), Catch::Contains("timeout"));
  CHECK_THAT(other([](auto s) { (void)std::move(s).concurrency(0); }), Catch::Contains("concurrency"));
  CHECK_THAT(other([](auto s) { (void)std::move(s).concurrency(-1); }), Catch::Contains("concurrency"));
  CHECK_THAT(other([](auto s) { (void)std::move(s).concurrency(std::int64_t{1} << 40); }),
             Catch::Contains("concurrency"));
  CHECK_THAT(other([](auto s) { (void)std::move(s).template skip_on<int>(0); }), Catch::Contains("skip_on"));
}

TEST_CASE("keep and discard are refused where they mean nothing") {
  const auto nothing = [](int) {};
  CHECK_THAT(refusal([&] { (void)pawl::workflow<"w">(pawl::step<"s">(nothing).keep()); }),
             Catch::Contains("workflow 'w': step 's'") && Catch::Contains("nothing to keep"));
  CHECK_THAT(refusal([&] { (void)pawl::workflow<"w">(pawl::step<"s">(nothing).discard()); }),
             Catch::Contains("nothing to discard"));
  CHECK_THAT(refusal([&] { (void)pawl::workflow<"w">(pawl::step<"s">(same).keep().discard()); }),
             Catch::Contains("contradict"));
  CHECK_THAT(refusal([&] { (void)pawl::workflow<"w">(pawl::step<"s">(same).discard(), pawl::step<"t">(same)); }),
             Catch::Contains("for the last step"));
}
