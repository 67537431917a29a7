// The frame of the codecs: what a coder<T> is, how one is found, and what is
// asked of a type before there may be one. The coders themselves stand in
// code_*.hpp. Knows nothing of schemas as objects and nothing of storage.
//
// A coder<T> has
//   static constexpr std::size_t min_size    bytes that a value takes at least: never 0
//   static constexpr bool bulk               the bytes in memory are the encoding, any bytes are a value and there
//                                            is no padding: many of them are one memcpy. Never bool or enums:
//                                            those are validated
//   static void encode(const T&, encoder&)
//   static T decode(decoder&)
//   static constexpr type_desc describe()    (may take the address of other types' desc<U>)
//   static constexpr traits ask(const visited*)
// or, where T is refused, only `ask`.
#pragma once

#include <pawl/detail/refusal.hpp>
#include <pawl/detail/type_desc.hpp>
#include <pawl/detail/type_name.hpp>
#include <pawl/encoder.hpp>

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace pawl {

template <class T>
struct codec;  // users specialise it: codec.hpp

namespace detail {

/// What is true of a type and of everything in it. std::is_copy_constructible_v and
/// `a == b` alone say yes to a vector of things that cannot be copied or compared.
struct traits {
  refusal why = refusal::none;
  bool recursive = false;  ///< a value may hold values of its own type
  bool copyable = true;
  bool comparable = true;
};

constexpr traits operator&(const traits& a, const traits& b) {
  return {a.why != refusal::none ? a.why : b.why, a.recursive || b.recursive, a.copyable && b.copyable,
          a.comparable && b.comparable};
}

/// The types around the one being asked about, so that a recursive one ends the walk. They are told apart by
/// their names, as GCC does not compare addresses at compile time under -fsanitize=undefined.
struct visited {
  std::string_view type;
  const visited* around;
};

constexpr bool is_among(std::string_view type, const visited* around) {
  for (; around != nullptr; around = around->around)
    if (around->type == type) return true;
  return false;
}

template <class T>
concept equality = requires(const T& a) {
  { a == a } -> std::convertible_to<bool>;
};

/// What a type says of itself, its parts aside.
template <class T>
constexpr traits own_traits() {
  return {refusal::none, false, std::is_copy_constructible_v<T>, equality<T>};
}

template <class T>
struct built_in;  // primary: code_record.hpp
template <class T>
struct user_coder;  // code_user.hpp

/// True where the user has specialised pawl::codec<T>.
template <class T>
concept has_user_codec = requires {
  sizeof(codec<T>);
};

template <class T>
struct choose_coder {
  using type = built_in<T>;
};
template <has_user_codec T>
struct choose_coder<T> {
  using type = user_coder<T>;
};
template <class T>
using coder = typename choose_coder<T>::type;

template <class T>
inline constexpr type_desc desc = coder<T>::describe();
template <class... T>
inline constexpr const type_desc* descs[] = {&desc<T>...};

template <class T>
inline constexpr traits traits_of = coder<T>::ask(nullptr);

template <class T>
void put(const T& value, encoder& out) {
  coder<T>::encode(value, out);
}
template <class T>
T get(decoder& in) {
  return coder<T>::decode(in);
}

// Compiled: engine/schema/support.cpp.
[[noreturn]] void throw_invalid(const char* what);      // codec_failed: the bytes are no value: `what`
[[noreturn]] void throw_unencodable(const char* what);  // codec_failed: the value cannot be encoded: `what`
[[noreturn]] void throw_too_deep();                     // codec_failed
void put_count(encoder& out, std::size_t count);        // u32; throws too_large above that
/// A u32 that is followed by so many elements of at least `element_min` bytes each:
/// checked against what remains, so that what it leads to allocate is bounded by the input.
std::size_t get_count(decoder& in, std::size_t element_min);
/// How many of `count` elements to reserve room for before any of them was seen: at most
/// 16 bytes of memory for each byte that remains.
std::size_t reserve_count(std::size_t count, std::size_t element_size, const decoder& in);
void get_nothing(decoder& in);  // the one zero byte of a value without content

bool get_flag(decoder& in);                                    // one byte, 0 or 1
std::size_t get_index(decoder& in, std::size_t alternatives);  // one byte, below `alternatives`

inline constexpr unsigned nesting_max = 200;

/// Counts how deep values of a recursive type lie within each other: at most 200 levels,
/// so that no bytes can exhaust the stack. Throws codec_failed.
class nesting {
public:
  template <class Coder>
  explicit nesting(Coder& coder) : depth_(coder.nesting()) {
    if (depth_ >= nesting_max) throw_too_deep();
    ++depth_;
  }
  ~nesting() { --depth_; }
  nesting(const nesting&) = delete;
  nesting& operator=(const nesting&) = delete;

private:
  unsigned& depth_;
};

}  // namespace detail
}  // namespace pawl
