#include "record/key.hpp"

#include "record/utf8.hpp"

#include <pawl/error.hpp>

#include <array>
#include <charconv>

namespace pawl::core {
namespace {

void append_big_endian(std::string& into, std::uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) into.push_back(static_cast<char>(number >> shift));
}

}  // namespace

void key_writer::number(bool negative, std::uint64_t twos_complement) {
  into_.assign(1, negative ? key_tag_negative : key_tag_number);
  append_big_endian(into_, twos_complement);
}

void key_writer::text(std::string_view bytes) {
  into_.assign(1, key_tag_text);
  into_.append(bytes);
}

key_parts split_key(std::string_view typed_key) {
  key_parts parts;
  if (!typed_key.empty() && typed_key[0] == key_tag_text) {
    parts.is_text = true;
    parts.text = typed_key.substr(1);
    return parts;
  }
  if (typed_key.size() != 9 || (typed_key[0] != key_tag_negative && typed_key[0] != key_tag_number))
    throw error(errc::damaged, "record: a stored key is neither a number nor text; run `pawl verify` on the state");
  parts.negative = typed_key[0] == key_tag_negative;
  for (char byte : typed_key.substr(1)) parts.number = parts.number << 8 | static_cast<unsigned char>(byte);
  return parts;
}

std::string printable_key(std::string_view typed_key) {
  const key_parts parts = split_key(typed_key);
  if (parts.is_text) return printable(parts.text);
  std::array<char, 24> digits;
  const auto end = parts.negative
                       ? std::to_chars(digits.begin(), digits.end(), static_cast<std::int64_t>(parts.number)).ptr
                       : std::to_chars(digits.begin(), digits.end(), parts.number).ptr;
  return {digits.data(), end};
}

std::string printable(std::string_view bytes) {
  static constexpr char hex[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size());
  const auto escape = [&](char byte) {
    const auto code = static_cast<unsigned char>(byte);
    ((text += "\\x") += hex[code >> 4]) += hex[code & 15];
  };
  while (!bytes.empty()) {
    const char first = bytes[0];
    const std::size_t length = utf8_length(bytes);
    // U+0080 to U+009F, two bytes beginning with c2, are control characters to some terminals.
    const bool control = static_cast<unsigned char>(first) < 0x20 || first == 0x7f ||
                         (length == 2 && first == '\xc2' && static_cast<unsigned char>(bytes[1]) < 0xa0);
    if (first == '\n') text += "\\n";
    else if (first == '\t') text += "\\t";
    else if (first == '\r') text += "\\r";
    else if (first == '\\') text += "\\\\";
    else if (length == 0 || control)
      for (const char byte : bytes.substr(0, length == 0 ? 1 : length)) escape(byte);
    else text.append(bytes.substr(0, length));
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
  return text;
}

}  // namespace pawl::core
