// pair and tuple: their parts, one after the other. optional and variant: one
// byte that says which, then that.
#pragma once

#include <pawl/detail/coder.hpp>

#include <initializer_list>
#include <optional>
#include <tuple>
#include <utility>
#include <variant>

namespace pawl::detail {

template <class Tuple, class... T>
struct code_tuple {
  static constexpr std::size_t min_size = sizeof...(T) == 0 ? 1 : (coder<T>::min_size + ... + 0);
  static constexpr bool bulk = false;
  static void encode(const Tuple& value, encoder& out) {
    if constexpr (sizeof...(T) == 0)
      out.put(std::uint8_t{0});
    else
      std::apply([&](const auto&... part) { (put<T>(part, out), ...); }, value);
  }
  static Tuple decode(decoder& in) {
    if constexpr (sizeof...(T) == 0) get_nothing(in);
    return Tuple{get<T>(in)...};  // in braces: from left to right
  }
  static constexpr type_desc describe() {
    if constexpr (sizeof...(T) == 0)
      return {.kind = schema_kind::tuple};
    else
      return {.kind = schema_kind::tuple, .count = sizeof...(T), .children = descs<T...>};
  }
  static constexpr traits ask([[maybe_unused]] const visited* around) {
    return (own_traits<Tuple>() & ... & coder<T>::ask(around));
  }
};

template <class A, class B>
struct built_in<std::pair<A, B>> : code_tuple<std::pair<A, B>, A, B> {};
template <class... T>
struct built_in<std::tuple<T...>> : code_tuple<std::tuple<T...>, T...> {};

template <class T>
struct built_in<std::optional<T>> {
  static constexpr std::size_t min_size = 1;
  static constexpr bool bulk = false;
  static void encode(const std::optional<T>& value, encoder& out) {
    out.put(std::uint8_t{value.has_value()});
    if (value) put<T>(*value, out);
  }
  static std::optional<T> decode(decoder& in) {
    if (get_flag(in)) return std::optional<T>(get<T>(in));
    return std::nullopt;
  }
  static constexpr type_desc describe() { return {.kind = schema_kind::optional, .count = 1, .children = descs<T>}; }
  static constexpr traits ask(const visited* around) { return own_traits<std::optional<T>>() & coder<T>::ask(around); }
};

template <>
struct built_in<std::monostate> {
  static constexpr std::size_t min_size = 1;
  static constexpr bool bulk = false;
  static void encode(std::monostate, encoder& out) { out.put(std::uint8_t{0}); }
  static std::monostate decode(decoder& in) {
    get_nothing(in);
    return {};
  }
  static constexpr type_desc describe() { return {.kind = schema_kind::none}; }
  static constexpr traits ask(const visited*) { return own_traits<std::monostate>(); }
};

constexpr std::size_t smallest(std::initializer_list<std::size_t> sizes) {
  std::size_t found = *sizes.begin();
  for (const std::size_t size : sizes)
    if (size < found) found = size;
  return found;
}

template <class... T>
struct built_in<std::variant<T...>> {
  using variant = std::variant<T...>;
  static constexpr std::size_t min_size = 1 + smallest({coder<T>::min_size...});
  static constexpr bool bulk = false;

  static void encode(const variant& value, encoder& out) {
    if (value.valueless_by_exception()) throw_unencodable("a variant lost its value to an exception");
    out.put(static_cast<std::uint8_t>(value.index()));
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (void)((value.index() == I && (put<T>(*std::get_if<I>(&value), out), true)) || ...);
    }
    (std::index_sequence_for<T...>{});
  }

  static variant decode(decoder& in) {
    const std::size_t index = get_index(in, sizeof...(T));
    return []<std::size_t... I>(std::index_sequence<I...>, std::size_t which, decoder & from) {
      using one = variant (*)(decoder&);
      static constexpr one table[] = {[](decoder& of) { return variant(std::in_place_index<I>, get<T>(of)); }...};
      return table[which](from);
    }
    (std::index_sequence_for<T...>{}, index, in);
  }

  static constexpr type_desc describe() {
    return {.kind = schema_kind::variant, .count = sizeof...(T), .children = descs<T...>};
  }
  static constexpr traits ask(const visited* around) {
    traits own = (own_traits<variant>() & ... & coder<T>::ask(around));
    if (sizeof...(T) > 255) own.why = refusal::many_alternatives;
    return own;
  }
};

}  // namespace pawl::detail
