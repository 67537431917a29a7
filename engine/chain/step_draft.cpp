#include <pawl/detail/step_draft.hpp>
#include <pawl/error.hpp>

#include <cmath>
#include <limits>
#include <string>
#include <utility>

namespace pawl::detail {
namespace {

[[noreturn]] void refuse(const erased_step& step, const std::string& what) {
  throw error(errc::bad_argument, "workflow: step '" + step.name + "': " + what);
}

bool is_delay(double seconds) { return std::isfinite(seconds) && seconds >= 0; }

retry_policy policy_of(const erased_step& step, const std::string& modifier, const retry_options& options) {
  const retry_policy policy{options.attempts, options.first_delay.count(), options.factor, options.max_delay.count(),
                            options.jitter};
  if (policy.attempts == 0)
    refuse(step, modifier + ": attempts is 0, so the step would never be called; 1 is one call without a retry");
  if (!is_delay(policy.first_delay_s)) refuse(step, modifier + ": first_delay must be a finite time, not negative");
  if (!is_delay(policy.max_delay_s)) refuse(step, modifier + ": max_delay must be a finite time, not negative");
  if (policy.max_delay_s < policy.first_delay_s)
    refuse(step, modifier + ": max_delay is shorter than first_delay; raise max_delay, it is 60 s by default");
  if (!std::isfinite(policy.factor) || policy.factor < 1)
    refuse(step, modifier + ": factor must be a finite number of at least 1");
  if (!(policy.jitter >= 0 && policy.jitter <= 1)) refuse(step, modifier + ": jitter must lie between 0 and 1");
  return policy;
}

}  // namespace

step_draft::step_draft(std::string_view name, step_kind kind) {
  step_.name = name;
  step_.kind = kind;
}

void step_draft::retry(const retry_options& options) {
  step_.retry = policy_of(step_, "retry", options);
  refuse_second_call();
}

void step_draft::retry_on(exception_test matches, std::string_view exception, const retry_options& options) {
  step_.retry_on.push_back({matches, policy_of(step_, "retry_on", options), exception});
  refuse_second_call();
}

void step_draft::skip_on(exception_test matches, std::string_view exception, std::int64_t limit) {
  if (limit < 1) refuse(step_, "skip_on: the limit is the number of items that may be skipped, at least 1");
  step_.skip_on.push_back({matches, static_cast<std::uint64_t>(limit), exception});
}

// A second call is what at_most_once rules out. A crash leaves whatever is started in doubt: that is to be little.
void step_draft::at_most_once() {
  constexpr std::uint32_t started_at_most = 16;
  step_.at_most_once = true;
  if (step_.concurrency == 0) step_.concurrency = started_at_most;
  refuse_second_call();
}

void step_draft::refuse_second_call() const {
  if (!step_.at_most_once) return;
  if (step_.retry || !step_.retry_on.empty())
    refuse(step_, "at_most_once and retry contradict each other: a retry is a second call; drop one of them");
}

void step_draft::timeout(seconds limit) {
  if (step_.kind == step_kind::transactional)
    refuse(step_, "a transactional step has no timeout: it shares its transaction with others and must not wait; drop it");
  if (step_.fan) refuse(step_, "its children take the time that they take; give a timeout to the steps of theirs instead");
  if (!is_delay(limit.count()) || limit.count() == 0) refuse(step_, "timeout must be a finite time above 0");
  step_.timeout_s = limit.count();
}

void step_draft::concurrency(std::int64_t limit) {
  if (step_.kind == step_kind::transactional)
    refuse(step_, "transactional steps are called one at a time anyway; drop .concurrency");
  if (step_.kind == step_kind::parallel)
    refuse(step_, "what is called are its branches; give .concurrency to those that need it");
  if (limit < 1) refuse(step_, "concurrency must be at least 1; leave it out for no limit");
  if (limit > std::numeric_limits<std::uint32_t>::max())
    refuse(step_, "concurrency is too large; leave it out for no limit");
  step_.concurrency = static_cast<std::uint32_t>(limit);
}

void step_draft::rate_limit(const rate_options& options) {
  // The times of so many calls are remembered.
  constexpr std::uint32_t calls_at_most = 1u << 20;
  constexpr double per_at_most_s = 366.0 * 24 * 3600;
  const double per_s = options.per.count();
  if (step_.kind == step_kind::transactional)
    refuse(step_, "rate_limit: a transactional step touches nothing outside that could be protected, and is called for "
                  "thousands of items in one transaction; drop it");
  if (options.calls == 0) refuse(step_, "rate_limit: calls is 0, so the step would never be called; at least 1");
  if (options.calls > calls_at_most)
    refuse(step_, "rate_limit: calls is above 1,048,576; say the same rate with a shorter `per`");
  if (!is_delay(per_s) || per_s == 0 || per_s > per_at_most_s)
    refuse(step_, "rate_limit: per must be a time above 0, a year at most");
  step_.rate = {options.calls, per_s};
}

void step_draft::loop(const loop_options& options) {
  loop_policy policy{options.mtbf.count(), options.overhead_at_most, options.every_rounds, options.every.count(),
                     options.rounds_at_most};
  if (!is_delay(policy.mtbf_s)) refuse(step_, "mtbf must be a finite time above 0; leave it out for a day");
  if (!is_delay(policy.every_s)) refuse(step_, "every must be a finite time above 0");
  if (!(policy.overhead_at_most >= 0 && policy.overhead_at_most <= 1))
    refuse(step_, "overhead_at_most is a share between 0 and 1: 0.01 is one percent");
  const int chosen = (policy.mtbf_s > 0) + (policy.overhead_at_most > 0) + (policy.every_rounds != 0) + (policy.every_s > 0);
  if (chosen > 1)
    refuse(step_, "of mtbf, overhead_at_most, every_rounds and every at most one can decide when its state is "
                  "checkpointed; drop the others");
  if (chosen == 0) policy.mtbf_s = 24.0 * 3600;
  step_.loop = policy;
}

// What is open at the same time holds its source in memory.
void step_draft::fan_out(fan_rule rule) {
  constexpr std::uint32_t open_at_most = 16;
  step_.fan = std::move(rule);
  if (step_.kind == step_kind::each) step_.concurrency = open_at_most;
}

void step_draft::collect() {
  const erased_step& last = step_.fan->chains.front()->steps.back();
  if (last.result == nullptr)
    refuse(step_, "collect: the last step of its children, '" + last.name + "', returns nothing; let it return what is wanted");
  if (last.discard)
    refuse(step_, "collect: the last step of its children, '" + last.name + "', discards its result; drop .discard()");
  step_.fan->collects = true;
}

void step_draft::batch(const batch_options& options) {
  constexpr std::uint32_t items_at_most = 1u << 20;
  constexpr double delay_at_most_s = 366.0 * 24 * 3600;
  const double delay_s = options.max_delay.count();
  if (options.max_items == 0) refuse(step_, "batch: max_items is 0, so the step would never be called; at least 1");
  if (options.max_items > items_at_most) refuse(step_, "batch: max_items is above 1,048,576");
  if (!is_delay(delay_s) || delay_s > delay_at_most_s)
    refuse(step_, "batch: max_delay must be a finite time, not negative, a year at most");
  step_.batch = {options.max_items, delay_s};
}

}  // namespace pawl::detail
