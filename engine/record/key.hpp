// Typed keys as bytes: what an item is called.
//
//   01  i64 big-endian, two's complement     a negative integer
//   02  u64 big-endian                       any other integer
//   03  bytes                                a string
//   04  u16 big-endian, that many bytes, u32 big-endian, bytes
//       a child: how long its parent's typed key is, that key, the parent's generation, its own typed key
//
// So the integer 1 and the string "1" differ, the bytes sort as the keys do,
// an integer is the same key whatever its C++ type is, and the children of one
// parent lie together.
#pragma once

#include <pawl/detail/erased.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pawl::core {

inline constexpr char key_tag_negative = 1;
inline constexpr char key_tag_number = 2;
inline constexpr char key_tag_text = 3;
inline constexpr char key_tag_child = 4;
// The index of keys has such a key itself, not a hash of it, so that the children of one parent can be listed.
inline constexpr std::size_t max_child_key_size = 480;

// Writes one typed key into `into`, replacing what was there.
class key_writer final : public detail::key_sink {
public:
  explicit key_writer(std::string& into) : into_(into) {}
  void number(bool negative, std::uint64_t twos_complement) override;
  void text(std::string_view bytes) override;

private:
  std::string& into_;
};

// What the typed keys of the children of one parent begin with; their own keys follow.
[[nodiscard]] std::string scope_of_children(std::string_view typed_key, std::uint32_t generation);

struct child_key {
  std::string_view parent;  // typed
  std::uint32_t generation = 0;
  std::string_view own;     // typed
};
[[nodiscard]] inline bool is_child_key(std::string_view typed_key) noexcept {
  return !typed_key.empty() && typed_key[0] == key_tag_child;
}
// Throws pawl::error(damaged) where the bytes are no key of a child.
[[nodiscard]] child_key split_child_key(std::string_view typed_key);

// The two halves of a typed key, of a child its own; `number` is 0 for text, `text` empty for numbers.
struct key_parts {
  bool is_text = false;
  bool negative = false;
  std::uint64_t number = 0;
  std::string_view text;
};
// Throws pawl::error(damaged) where the bytes are no typed key.
[[nodiscard]] key_parts split_key(std::string_view typed_key);

// As one text: numbers in decimal, text as it is, a child behind its parent: PARENT/CHILD, where the parent was begun anew
// PARENT@GENERATION/CHILD; like its parent where its own key is the empty text.
[[nodiscard]] std::string plain_key(std::string_view typed_key);
// The children's keys that read like this, `depth` parents one in the other (at least 1). None where it has more than 32
// slashes and there is more than one parent.
[[nodiscard]] std::vector<std::string> child_keys_named(std::string_view text, std::size_t depth);

// The same for people: text with control characters and bytes that are not UTF-8 escaped as
// \xNN, \n, \t, \r, and a backslash as two.
[[nodiscard]] std::string printable_key(std::string_view typed_key);
// The same escapes for any text that goes to a terminal or a log.
[[nodiscard]] std::string printable(std::string_view bytes);

}  // namespace pawl::core
