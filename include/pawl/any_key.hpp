// The key of an item, for whoever names items without their workflow's types.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace pawl {

/// A key of either kind. The integer 1 and the text "1" are different keys.
class any_key {
public:
  any_key() = default;  ///< the empty text
  any_key(std::string text) : text_(std::move(text)) {}
  any_key(std::string_view text) : text_(text) {}
  any_key(const char* text) : text_(text) {}
  template <std::integral N>
  requires(!std::same_as<N, bool> && !std::same_as<N, char>) any_key(N number)
      : is_text_(false), negative_(number < 0), number_(static_cast<std::uint64_t>(number)) {}

  [[nodiscard]] bool is_text() const noexcept { return is_text_; }
  /// Any bytes; empty for an integer.
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] bool negative() const noexcept { return negative_; }
  /// Two's complement; 0 for text.
  [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
  /// An integer in decimal; text as it is.
  [[nodiscard]] std::string to_string() const;

  friend bool operator==(const any_key&, const any_key&) = default;

private:
  bool is_text_ = true;
  bool negative_ = false;
  std::uint64_t number_ = 0;
  std::string text_;
};

}  // namespace pawl
