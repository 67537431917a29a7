// What a run takes its items from: any range, or a function.
//
// A source is pulled lazily, one element at a time, by one thread at a time, so
// that memory does not grow with the number of items.
#pragma once

#include <pawl/detail/source.hpp>

#include <cstdint>
#include <optional>
#include <utility>

namespace pawl {

/// A source that calls `function()` for each item: it returns std::optional<In>, empty at
/// the end, and is not called again after that. `size`, where known, is for progress only.
/// The function may change its own state; it may throw, which ends the run with
/// pawl::error(source_failed) after what was taken before is finished.
template <class Function>
[[nodiscard]] auto generate(Function function, std::optional<std::uint64_t> size = std::nullopt) {
  (void)sizeof(typename decltype(detail::generator_problem<Function>())::problem);
  return detail::generator<Function>{std::move(function), size};
}

}  // namespace pawl
