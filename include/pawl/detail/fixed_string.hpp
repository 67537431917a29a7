// A string literal as a template argument: the names of workflows and steps.
#pragma once

#include <cstddef>
#include <string_view>

namespace pawl::detail {

/// The characters of one literal, the closing zero included.
template <std::size_t N>
struct fixed_string {
  char chars[N]{};

  consteval fixed_string(const char (&literal)[N]) {
    for (std::size_t i = 0; i < N; ++i) chars[i] = literal[i];
  }
  [[nodiscard]] static constexpr std::size_t size() { return N - 1; }
  [[nodiscard]] constexpr std::string_view view() const { return {chars, N - 1}; }
};

}  // namespace pawl::detail
