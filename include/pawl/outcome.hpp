// How a step says something other than "here is my result".
//
// A step fails by throwing anything. It skips its item by throwing skip_item,
// or says either without an exception by returning outcome<T>.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace pawl {

/// Thrown by a step: its item ends in state `skipped` with this reason. No retry.
class skip_item : public std::runtime_error {
public:
  explicit skip_item(const std::string& reason) : std::runtime_error(reason) {}
};

/// Thrown by a step: its item ends in state `failed` at once, without retries,
/// and *stays* failed on later runs until someone reopens it.
class sticky_failure : public std::runtime_error {
public:
  explicit sticky_failure(const std::string& reason) : std::runtime_error(reason) {}
};

/// Thrown by context::throw_if_stopped(): the step gives up because its stop
/// token was requested. After a time-out this is a failed attempt; after a stop
/// of the run it is none: the step runs again on the next run.
class step_stopped : public std::runtime_error {
public:
  step_stopped() : std::runtime_error("the step gave up because it was asked to stop") {}
};

/// Thrown by the engine for a pawl::loop that goes on beyond loop_options::rounds_at_most. A failed attempt like any
/// other: `.skip_on<pawl::too_many_rounds>(n)` skips such items instead.
class too_many_rounds : public std::runtime_error {
public:
  explicit too_many_rounds(const std::string& sentence) : std::runtime_error(sentence) {}
};

/// A result, or why there is none. Declare it as a step's return type:
/// `[](const page& p) -> pawl::outcome<record> { if (...) return pawl::skip("binary"); return parse(p); }`
struct skip {
  explicit skip(std::string why) : reason(std::move(why)) {}
  std::string reason;
};
struct fail {
  explicit fail(std::string why, bool stays_failed = false) : reason(std::move(why)), sticky(stays_failed) {}
  std::string reason;
  bool sticky;  ///< no retry, and not tried again by later runs
};

enum class outcome_kind : unsigned char { value, skipped, failed, failed_sticky };

template <class T>
class [[nodiscard]] outcome {
public:
  using value_type = T;
  outcome(T value) : value_(std::move(value)) {}
  outcome(skip why) : kind_(outcome_kind::skipped), reason_(std::move(why.reason)) {}
  outcome(fail why)
      : kind_(why.sticky ? outcome_kind::failed_sticky : outcome_kind::failed), reason_(std::move(why.reason)) {}

  [[nodiscard]] outcome_kind kind() const noexcept { return kind_; }
  [[nodiscard]] bool has_value() const noexcept { return kind_ == outcome_kind::value; }
  /// Precondition: has_value().
  [[nodiscard]] T& value() noexcept { return *value_; }
  [[nodiscard]] const T& value() const noexcept { return *value_; }
  /// Empty where there is a value.
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

private:
  outcome_kind kind_ = outcome_kind::value;
  std::optional<T> value_;
  std::string reason_;
};

/// The same for a step without a result: `return {};` says that it went well.
template <>
class [[nodiscard]] outcome<void> {
public:
  using value_type = void;
  outcome() = default;
  outcome(skip why) : kind_(outcome_kind::skipped), reason_(std::move(why.reason)) {}
  outcome(fail why)
      : kind_(why.sticky ? outcome_kind::failed_sticky : outcome_kind::failed), reason_(std::move(why.reason)) {}

  [[nodiscard]] outcome_kind kind() const noexcept { return kind_; }
  [[nodiscard]] bool has_value() const noexcept { return kind_ == outcome_kind::value; }
  /// Empty where it went well.
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

private:
  outcome_kind kind_ = outcome_kind::value;
  std::string reason_;
};

}  // namespace pawl
