// What is promised of a step, in words.
#pragma once

#include <pawl/detail/erased.hpp>

#include <string_view>

namespace pawl::core {

[[nodiscard]] std::string_view guarantee_of(step_kind kind, bool idempotent, bool at_most_once) noexcept;

}  // namespace pawl::core
