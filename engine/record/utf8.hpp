// Where one UTF-8 character ends and the next begins.
#pragma once

#include <cstddef>
#include <string_view>

namespace pawl::core {

// How many bytes the character at the front of a non-empty text takes; 0 where these bytes are no UTF-8
// (The Unicode Standard 15.0, table 3-7).
[[nodiscard]] std::size_t utf8_length(std::string_view text) noexcept;

}  // namespace pawl::core
