// What a user's pawl::codec<T> becomes. The two forms are described in codec.hpp.
//
// Custom bytes stand behind their size, or are checked to have the size that the
// codec declares: so a codec that reads too much or too little cannot harm what
// lies beside it, and values can be skipped and printed without the codec.
#pragma once

#include <pawl/detail/buffer.hpp>
#include <pawl/detail/coder.hpp>

#include <utility>

namespace pawl::detail {

template <class T>
concept converting_codec = requires(const T& value) {
  typename codec<T>::stored_as;
  { codec<T>::to_stored(value) } -> std::convertible_to<typename codec<T>::stored_as>;
  { codec<T>::from_stored(std::declval<typename codec<T>::stored_as>()) } -> std::same_as<T>;
};

constexpr bool is_codec_name(std::string_view name) {
  for (const char c : name)
    if (c < 0x20 || c > 0x7e || c == '"' || c == '\\') return false;
  return !name.empty() && name.size() <= 200;
}

template <class T>
concept custom_codec = requires(const T& value, encoder& out, decoder& in) {
  requires is_codec_name(codec<T>::name);
  codec<T>::encode(value, out);
  { codec<T>::decode(in) } -> std::same_as<T>;
};

template <class T>
constexpr std::size_t custom_size() {
  if constexpr (requires { codec<T>::size; })
    return codec<T>::size;
  else
    return 0;
}

template <class T>
struct user_coder {
  static constexpr traits ask(const visited*) {
    return {refusal::malformed_codec, false, std::is_copy_constructible_v<T>, equality<T>};
  }
};

template <custom_codec T>
struct user_coder<T> {
  static constexpr std::size_t fixed = custom_size<T>();
  static constexpr std::size_t min_size = fixed != 0 ? fixed : 4;
  static constexpr bool bulk = false;

  static void encode(const T& value, encoder& out) {
    buffer own;
    codec<T>::encode(value, own);
    if constexpr (fixed == 0)
      put_count(out, own.size());
    else if (own.size() != fixed)
      throw_unencodable("a user's codec wrote another number of bytes than it declares");
    out.write(own.bytes().data(), own.size());
  }
  static T decode(decoder& in) {
    decoder own(in.take(fixed != 0 ? fixed : get_count(in, 1)));
    T value = codec<T>::decode(own);
    if (own.remaining() != 0) throw_invalid("a user's codec left some of its bytes unread");
    return value;
  }
  static constexpr type_desc describe() { return {.kind = schema_kind::custom, .a = fixed, .name = codec<T>::name}; }
  static constexpr traits ask(const visited*) { return own_traits<T>(); }
};

template <converting_codec T>
struct user_coder<T> {
  using stored = typename codec<T>::stored_as;
  static constexpr std::size_t min_size = coder<stored>::min_size;
  static constexpr bool bulk = false;
  static void encode(const T& value, encoder& out) { put<stored>(codec<T>::to_stored(value), out); }
  static T decode(decoder& in) { return codec<T>::from_stored(get<stored>(in)); }
  static constexpr type_desc describe() { return coder<stored>::describe(); }
  static constexpr traits ask(const visited* around) {
    if (is_among(type_name<T>, around)) return {.recursive = true};
    const visited here{type_name<T>, around};
    traits own = own_traits<T>();
    const traits below = coder<stored>::ask(&here);
    own.why = below.why;
    own.recursive = below.recursive;
    return own;
  }
};

}  // namespace pawl::detail
