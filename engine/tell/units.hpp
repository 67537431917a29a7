// Numbers for people: 1,234,567; 12.3 ms; 4.5 MB.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pawl::core {

// Thousands separated by commas.
[[nodiscard]] std::string grouped(std::uint64_t number);
[[nodiscard]] std::string duration_text(double seconds);
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);
// A JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string json_string(std::string_view text);

}  // namespace pawl::core
