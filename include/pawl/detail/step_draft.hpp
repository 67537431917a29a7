// What the modifiers of a step write down, without its types. Compiled in
// engine/chain/: the values are checked there, once for all steps.
#pragma once

#include <pawl/detail/erased.hpp>
#include <pawl/options.hpp>

#include <cstdint>
#include <string_view>
#include <utility>

namespace pawl::detail {

/// An erased_step in the making: name, kind and options. The chain adds the rest.
/// Every setter throws pawl::error(bad_argument) that names the step where a value makes no sense.
class step_draft {
public:
  step_draft(std::string_view name, step_kind kind);

  void retry(const retry_options& options);
  void retry_on(exception_test matches, std::string_view exception, const retry_options& options);
  void skip_on(exception_test matches, std::string_view exception, std::int64_t limit);
  void timeout(seconds limit);
  void version(std::uint32_t number) { step_.version = number; }
  void concurrency(std::int64_t limit);
  void rate_limit(const rate_options& options);
  void at_most_once();
  void batch(const batch_options& options);
  void idempotent() { step_.idempotent = true; }
  void migrate(migration from_older) { step_.migrations.push_back(std::move(from_older)); }
  void loop(const loop_options& options);
  void fan_out(fan_rule rule);
  void count_failures() { step_.fan->count_failures = true; }
  void reproducible() { step_.fan->reproducible = true; }
  void collect();
  void keep() { step_.keep = true; }
  void discard() { step_.discard = true; }

  [[nodiscard]] const erased_step& step() const { return step_; }

private:
  void refuse_second_call() const;

  erased_step step_;
};

}  // namespace pawl::detail
