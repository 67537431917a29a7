// Bytes as text, so that golden encodings can stand in a test as they are read.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pawl::testing_support {

inline std::string hex(std::span<const std::byte> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : bytes) {
    text += digits[std::to_integer<unsigned>(byte) >> 4];
    text += digits[std::to_integer<unsigned>(byte) & 15];
  }
  return text;
}

/// Two lower-case digits a byte; spaces are for the reader.
inline std::vector<std::byte> unhex(std::string_view text) {
  std::vector<std::byte> bytes;
  unsigned high = 0;
  bool half = false;
  for (const char c : text) {
    if (c == ' ') continue;
    const auto digit = static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10);
    if (half) bytes.push_back(static_cast<std::byte>(high << 4 | digit));
    high = digit;
    half = !half;
  }
  return bytes;
}

}  // namespace pawl::testing_support
