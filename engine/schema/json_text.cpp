#include "schema/json_text.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace pawl::core {
namespace {

constexpr std::string_view digits = "0123456789abcdef";

template <class N>
std::string_view spell(N value, std::array<char, 32>& into) {
  const auto end = std::to_chars(into.data(), into.data() + into.size(), value).ptr;
  return {into.data(), static_cast<std::size_t>(end - into.data())};
}

template <class F>
void put_float(json_text& text, F value) {
  if (std::isnan(value)) return text.raw("\"NaN\"");
  if (std::isinf(value)) return text.raw(value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
  std::array<char, 32> buffer;
  text.raw(spell(value, buffer));
}

}  // namespace

void json_text::raw(std::string_view text) {
  if (text.size() > size_max_ - text_.size())
    throw error(errc::too_large, "schema: a value is longer than " + std::to_string(size_max_) +
                                     " bytes when printed as JSON; ask for more, or read it with its C++ type");
  text_ += text;
}

void json_text::number(std::int64_t value) {
  std::array<char, 32> buffer;
  raw(spell(value, buffer));
}
void json_text::number(std::uint64_t value) {
  std::array<char, 32> buffer;
  raw(spell(value, buffer));
}
void json_text::number(float value) { put_float(*this, value); }
void json_text::number(double value) { put_float(*this, value); }

void json_text::string(std::string_view bytes) {
  raw('"');
  while (!bytes.empty()) {
    std::size_t plain = 0;  // runs of what stands for itself go in one piece
    while (plain < bytes.size()) {
      const auto c = static_cast<unsigned char>(bytes[plain]);
      const std::size_t length = utf8_length(bytes.substr(plain));
      if (length == 0 || c < 0x20 || c == '"' || c == '\\' || c == 0x7f) break;
      plain += length;
    }
    raw(bytes.substr(0, plain));
    bytes.remove_prefix(plain);
    if (bytes.empty()) break;
    escape(static_cast<unsigned char>(bytes[0]));
    bytes.remove_prefix(1);
  }
  raw('"');
}

void json_text::escape(unsigned char c) {
  switch (c) {
    case '"':
      return raw("\\\"");
    case '\\':
      return raw("\\\\");
    case '\n':
      return raw("\\n");
    case '\r':
      return raw("\\r");
    case '\t':
      return raw("\\t");
    default:
      break;
  }
  raw(c < 0x80 ? "\\u00" : "\\\\x");
  raw(digits[c >> 4]);
  raw(digits[c & 15]);
}

void json_text::hex(std::span<const std::byte> bytes) {
  raw('"');
  std::array<char, 512> piece;
  while (!bytes.empty()) {
    const std::size_t count = std::min(bytes.size(), piece.size() / 2);
    for (std::size_t i = 0; i < count; ++i) {
      const auto byte = std::to_integer<unsigned>(bytes[i]);
      piece[2 * i] = digits[byte >> 4];
      piece[2 * i + 1] = digits[byte & 15];
    }
    raw({piece.data(), 2 * count});
    bytes = bytes.subspan(count);
  }
  raw('"');
}

}  // namespace pawl::core
