// From an erased chain to words.
#include "tell/guarantee.hpp"

#include <pawl/describe.hpp>
#include <pawl/schema.hpp>

namespace pawl::detail {
namespace {

std::string schema_of_type(const value_type* type) {
  return type == nullptr || type->describe == nullptr ? std::string() : type->describe().to_string();
}

description::retry retry_in_words(std::string_view exception, const retry_policy& policy) {
  return {std::string(exception), policy.attempts,    policy.first_delay_s,
          policy.factor,          policy.max_delay_s, policy.jitter};
}

description::step step_in_words(const erased_step& step) {
  description::step said;
  said.name = step.name;
  said.kind = step.kind;
  said.guarantee = core::guarantee_of(step.kind, step.idempotent, step.at_most_once);
  said.version = step.version;
  said.result = schema_of_type(step.result);
  said.keep = step.keep;
  said.idempotent = step.idempotent;
  said.discard = step.discard;
  if (step.timeout_s > 0) said.timeout_s = step.timeout_s;
  if (step.concurrency != 0) said.concurrency = step.concurrency;
  if (step.rate.calls != 0) said.rate_limit = {step.rate.calls, step.rate.per_s};
  if (step.kind == step_kind::batch) said.batches = {step.batch.max_items, step.batch.max_delay_s};
  for (const retry_rule& rule : step.retry_on) said.retries.push_back(retry_in_words(rule.exception, rule.policy));
  if (step.retry) said.retries.push_back(retry_in_words({}, *step.retry));
  for (const skip_rule& rule : step.skip_on) said.skips.push_back({std::string(rule.exception), rule.limit});
  for (const migration& one : step.migrations) said.migrations.push_back(schema_of_type(one.from));
  return said;
}

std::string key_in_words(const chain& of) {
  if (of.key == nullptr) return "none yet: the input is not its own key, and there is no .key(projection)";
  return of.key_self != nullptr ? "what .key(projection) makes of the input" : "the input itself";
}

}  // namespace

description describe_chain(const chain& of) {
  description said;
  said.workflow = of.name;
  said.key = key_in_words(of);
  said.input = schema_of_type(of.input);
  if (of.retain) {
    said.done_for_s = of.retain->done_for_s;
    said.done_at_most = of.retain->done_at_most;
  }
  for (const erased_step& step : of.steps) said.steps.push_back(step_in_words(step));
  return said;
}

}  // namespace pawl::detail
