// Further parameters of a step: the item's input, and results of earlier steps.
#pragma once

#include <pawl/detail/fixed_string.hpp>

namespace pawl {

/// A parameter of a step beside the value that arrives: the item's input, whatever
/// steps lie between. T is the workflow's In. Refers to a value that lives until
/// the step returns; cheap to copy.
template <class T>
class item {
public:
  using value_type = T;
  /// Not explicit, so that a test may call a step with the value itself.
  constexpr item(const T& value) noexcept : value_(&value) {}

  [[nodiscard]] constexpr const T& operator*() const noexcept { return *value_; }
  [[nodiscard]] constexpr const T* operator->() const noexcept { return value_; }
  constexpr operator const T&() const noexcept { return *value_; }

private:
  const T* value_;
};

/// Likewise, the result of the earlier step with this name: `pawl::from<"read", page>`.
/// That such a step stands earlier in the chain and returns T is checked when the
/// chain is compiled. Implies `.keep()` on that step.
template <detail::fixed_string Step, class T>
class from {
public:
  using value_type = T;
  constexpr from(const T& value) noexcept : value_(&value) {}

  [[nodiscard]] constexpr const T& operator*() const noexcept { return *value_; }
  [[nodiscard]] constexpr const T* operator->() const noexcept { return value_; }
  constexpr operator const T&() const noexcept { return *value_; }

private:
  const T* value_;
};

}  // namespace pawl
