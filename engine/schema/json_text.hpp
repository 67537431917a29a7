// JSON as text: numbers, strings, hex, and a bound on the whole. Knows no schema.
#pragma once

#include "record/utf8.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace pawl::core {

class json_text {
public:
  explicit json_text(std::size_t size_max) : size_max_(size_max) {}

  // As it stands. Throws pawl::error(too_large) where the whole would outgrow the limit; so do all below.
  void raw(std::string_view text);
  void raw(char c) { raw(std::string_view(&c, 1)); }

  void number(std::int64_t value);
  void number(std::uint64_t value);
  void number(float value);  // shortest that reads back; "NaN", "Infinity", "-Infinity" as strings
  void number(double value);
  // With quotes. Control characters are escaped; bytes that are not UTF-8 appear as \xNN.
  void string(std::string_view bytes);
  void hex(std::span<const std::byte> bytes);

  [[nodiscard]] std::string take() { return std::move(text_); }

private:
  void escape(unsigned char c);

  std::string text_;
  std::size_t size_max_;
};

}  // namespace pawl::core
