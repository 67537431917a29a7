// What a parameter of a step asks for, and whether the value that arrives fits.
//
// The rule: by identity or as a view. Nothing is converted, so nothing is narrowed.
#pragma once

#include <pawl/context.hpp>
#include <pawl/item.hpp>
#include <pawl/table.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace pawl::detail {

/// Stands where a type could not be told because of an error that was reported before.
struct undetermined {};

enum class role { value, item, from, context, transaction };

template <class T>
struct asked {
  static constexpr role what = role::value;
};
template <>
struct asked<context> {
  static constexpr role what = role::context;
};
template <>
struct asked<transaction> {
  static constexpr role what = role::transaction;
};
template <class T>
struct asked<item<T>> {
  static constexpr role what = role::item;
};
template <fixed_string Step, class T>
struct asked<from<Step, T>> {
  static constexpr role what = role::from;
  static constexpr auto step = Step;
};

template <class P>
inline constexpr role role_of = asked<std::remove_cvref_t<P>>::what;

/// The type that owns what V looks at; void where V is no view that a step may take.
template <class V>
struct owner_of_view {
  using type = void;
};
template <class C, class Traits>
struct owner_of_view<std::basic_string_view<C, Traits>> {
  using type = std::basic_string<C, Traits>;
};
template <class T>
requires(!std::is_same_v<T, bool>) struct owner_of_view<std::span<const T>> {
  using type = std::vector<T>;
};
template <class T, std::size_t N>
requires(N != std::dynamic_extent) struct owner_of_view<std::span<const T, N>> {
  using type = std::array<T, N>;
};

template <class V, class T>
inline constexpr bool is_view_of = std::is_same_v<typename owner_of_view<V>::type, T>;
template <class T, std::size_t N>
inline constexpr bool is_view_of<std::span<const T>, std::array<T, N>> = true;

/// The type of input that a first step with a parameter P takes.
template <class P, class Owner = typename owner_of_view<std::remove_cvref_t<P>>::type>
using input_for = std::conditional_t<std::is_void_v<Owner>, std::remove_cvref_t<P>, Owner>;

enum class fit {
  none,
  read,     ///< const T&, or a T that is as well copied as moved
  consume,  ///< T or T&&
  view,
  mutable_reference,  ///< refused
  converts,           ///< C++ would convert; refused
};

/// How a parameter P takes a value of type T.
template <class P, class T>
consteval fit fit_of() {
  using bare = std::remove_cvref_t<P>;
  constexpr bool mutable_reference = std::is_lvalue_reference_v<P> && !std::is_const_v<std::remove_reference_t<P>>;
  if constexpr (std::is_same_v<bare, T>) {
    if constexpr (mutable_reference)
      return fit::mutable_reference;
    else if constexpr (std::is_lvalue_reference_v<P>)
      return fit::read;
    else if constexpr (std::is_reference_v<P>)
      return fit::consume;
    else if constexpr (std::is_trivially_copyable_v<T> && std::is_copy_constructible_v<T>)
      return fit::read;
    else
      return fit::consume;
  } else if constexpr (is_view_of<bare, T> && !mutable_reference) {
    return fit::view;
  } else if constexpr (std::is_convertible_v<const T&, P>) {
    return fit::converts;
  } else {
    return fit::none;
  }
}

}  // namespace pawl::detail
