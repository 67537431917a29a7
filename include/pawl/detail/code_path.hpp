// std::filesystem::path, stored as a string: its native bytes. Recognised by what
// it offers, so that nobody pays for <filesystem> who does not use it.
#pragma once

#include <pawl/detail/code_sequence.hpp>

namespace pawl::detail {

template <class T>
concept path_like = requires(const T& path) {
  T::preferred_separator;
  { path.native() } -> std::same_as<const std::string&>;
  requires std::is_constructible_v<T, std::string>;
};

template <path_like T>
struct built_in<T> {
  static constexpr std::size_t min_size = 4;
  static constexpr bool bulk = false;
  static void encode(const T& value, encoder& out) { put<std::string>(value.native(), out); }
  static T decode(decoder& in) { return T(get<std::string>(in)); }
  static constexpr type_desc describe() { return {.kind = schema_kind::string}; }
  static constexpr traits ask(const visited*) { return own_traits<T>(); }
};

}  // namespace pawl::detail
