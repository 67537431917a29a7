// Numbers, bool, std::byte and enums: their bytes, little-endian.
#pragma once

#include <pawl/detail/coder.hpp>

namespace pawl::detail {

// Integers are told apart by width and sign, not by name.
template <class T>
constexpr schema_kind kind_of_scalar() {
  if constexpr (std::is_same_v<T, bool>)
    return schema_kind::boolean;
  else if constexpr (std::is_same_v<T, char>)
    return schema_kind::character;
  else if constexpr (std::is_floating_point_v<T>)
    return sizeof(T) == 4 ? schema_kind::f32 : schema_kind::f64;
  else {
    constexpr int first = static_cast<int>(std::is_signed_v<T> ? schema_kind::i8 : schema_kind::u8);
    return static_cast<schema_kind>(first + std::countr_zero(sizeof(T)));
  }
}

template <class T>
requires(std::is_arithmetic_v<T>&& std::is_same_v<T, std::remove_cv_t<T>>) struct built_in<T> {
  static constexpr std::size_t min_size = sizeof(T);
  static constexpr bool bulk = !std::is_same_v<T, bool>;
  static void encode(T value, encoder& out) { out.put(value); }
  static T decode(decoder& in) {
    if constexpr (std::is_same_v<T, bool>) {
      return get_flag(in);
    } else {
      return in.get<T>();
    }
  }
  static constexpr type_desc describe() { return {.kind = kind_of_scalar<T>()}; }
  static constexpr traits ask(const visited*) {
    traits own = own_traits<T>();
    if (sizeof(T) > 8) own.why = refusal::long_double;
    return own;
  }
};

template <>
struct built_in<std::byte> {
  static constexpr std::size_t min_size = 1;
  static constexpr bool bulk = true;
  static void encode(std::byte value, encoder& out) { out.write(&value, 1); }
  static std::byte decode(decoder& in) { return in.take(1)[0]; }
  static constexpr type_desc describe() { return {.kind = schema_kind::byte}; }
  static constexpr traits ask(const visited*) { return own_traits<std::byte>(); }
};

// An enum with a fixed underlying type may hold every number of it, so that is all that can be
// checked. One without has no such type to speak of: a number beyond its enumerators is undefined
// behaviour, and there is no way to ask for them; so it is refused.
template <class T>
requires(std::is_enum_v<T>&& std::is_same_v<T, std::remove_cv_t<T>>) struct built_in<T> {
  using number = std::underlying_type_t<T>;
  static constexpr std::size_t min_size = sizeof(number);
  static constexpr bool bulk = false;
  static void encode(T value, encoder& out) { coder<number>::encode(static_cast<number>(value), out); }
  static T decode(decoder& in) { return static_cast<T>(coder<number>::decode(in)); }
  static constexpr type_desc describe() {
    return {.kind = schema_kind::enumeration, .count = 1, .children = descs<representation>};
  }
  static constexpr traits ask(const visited*) {
    traits own = own_traits<T>() & coder<number>::ask(nullptr);
    if constexpr (!requires { T{number{}}; }) own.why = refusal::plain_enum;
    return own;
  }

private:
  // An enum of bool or char is described by an integer of that width.
  using representation = std::conditional_t<std::is_same_v<number, bool>, std::uint8_t,
                                            std::conditional_t<std::is_same_v<number, char>, std::int8_t, number>>;
};

}  // namespace pawl::detail
