// Typed keys as bytes: what an item is called.
//
//   01  i64 big-endian, two's complement     a negative integer
//   02  u64 big-endian                       any other integer
//   03  bytes                                a string
//
// So the integer 1 and the string "1" differ, the bytes sort as the keys do,
// and an integer is the same key whatever its C++ type is.
#pragma once

#include <pawl/detail/erased.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace pawl::core {

inline constexpr char key_tag_negative = 1;
inline constexpr char key_tag_number = 2;
inline constexpr char key_tag_text = 3;

// Writes one typed key into `into`, replacing what was there.
class key_writer final : public detail::key_sink {
public:
  explicit key_writer(std::string& into) : into_(into) {}
  void number(bool negative, std::uint64_t twos_complement) override;
  void text(std::string_view bytes) override;

private:
  std::string& into_;
};

// The two halves of a typed key; `number` is 0 for text, `text` empty for numbers.
struct key_parts {
  bool is_text = false;
  bool negative = false;
  std::uint64_t number = 0;
  std::string_view text;
};
// Throws pawl::error(damaged) where the bytes are no typed key.
[[nodiscard]] key_parts split_key(std::string_view typed_key);

// For people: numbers in decimal, text with control characters and bytes that are not UTF-8 escaped as
// \xNN, \n, \t, \r, and a backslash as two.
[[nodiscard]] std::string printable_key(std::string_view typed_key);
// The same escapes for any text that goes to a terminal or a log.
[[nodiscard]] std::string printable(std::string_view bytes);

}  // namespace pawl::core
