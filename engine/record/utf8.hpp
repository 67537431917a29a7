// Where one UTF-8 character ends and the next begins, and which are none to be shown.
#pragma once

#include <cstddef>
#include <string_view>

namespace pawl::core {

// How many bytes the character at the front of a non-empty text takes; 0 where these bytes are no UTF-8
// (The Unicode Standard 15.0, table 3-7).
[[nodiscard]] std::size_t utf8_length(std::string_view text) noexcept;
// The code point of a valid sequence.
[[nodiscard]] char32_t code_point(std::string_view sequence) noexcept;
// Is it a command to whoever shows it? Controls of both sets, separators of lines and paragraphs, what turns the writing
// direction, what cannot be seen.
[[nodiscard]] bool is_command(char32_t code) noexcept;

}  // namespace pawl::core
