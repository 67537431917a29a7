// Says why a type has no codec: explain_codec<T> fails to compile with one
// sentence, and with a line that names T and the type in it that is at fault:
//
//   no_codec<page, std::string_view, pawl::detail::refusal::view>
//
// For the error path only; nothing else includes what this costs.
#pragma once

#include <pawl/codec.hpp>

namespace pawl::detail {

template <class T, class AtFault, refusal Why>
struct no_codec {
  static_assert(Why != refusal::nothing, "pawl: void, functions and abstract classes are no values and have no codec");
  static_assert(Why != refusal::pointer,
                "pawl: a pointer has no codec, an address means nothing after a restart; hold the value itself");
  static_assert(Why != refusal::smart_pointer,
                "pawl: unique_ptr, shared_ptr and weak_ptr have no codec; hold the value, or a std::optional of it");
  static_assert(Why != refusal::reference, "pawl: a reference has no codec; hold the value itself");
  static_assert(Why != refusal::view,
                "pawl: string_view, span and initializer_list have no codec, they own nothing; hold a std::string or a "
                "std::vector");
  static_assert(Why != refusal::long_double,
                "pawl: long double and 128-bit integers have no codec, they differ between machines; use double or "
                "64-bit integers");
  static_assert(Why != refusal::wide_string, "pawl: of the strings only std::string has a codec; convert it to UTF-8");
  static_assert(Why != refusal::c_array, "pawl: a C array has no codec; use std::array");
  static_assert(Why != refusal::plain_union, "pawl: a union has no codec; use std::variant");
  static_assert(Why != refusal::anonymous_union, "pawl: a type with an anonymous union has no codec; use std::variant");
  static_assert(Why != refusal::volatile_value, "pawl: a volatile value has no codec");
  static_assert(Why != refusal::plain_enum,
                "pawl: an enum without an underlying type has no codec, not every number is a value of it; write "
                "`enum name : int` or `enum class name`");
  static_assert(Why != refusal::steady_time,
                "pawl: a steady_clock time point has no codec, it means nothing after a restart; use system_clock or a "
                "duration");
  static_assert(Why != refusal::foreign_clock,
                "pawl: only durations that count in numbers, and time points of system_clock, file_clock and local_t, "
                "have a codec; specialise pawl::codec");
  static_assert(Why != refusal::many_alternatives, "pawl: a variant of more than 255 alternatives has no codec");
  static_assert(Why != refusal::fixed_in_place, "pawl: a type that cannot be moved has no codec");
  static_assert(Why != refusal::base_class,
                "pawl: an aggregate with a base class has no codec; make the base a field, adapt the type with "
                "Boost.Hana (pawl/hana.hpp), or specialise pawl::codec");
  static_assert(Why != refusal::unnamed_field,
                "pawl: an aggregate with a bit-field or a reference has no codec; use a whole number or a value, or "
                "specialise pawl::codec");
  static_assert(Why != refusal::uncountable,
                "pawl: an aggregate's fields cannot be counted: more than 100, or one is a reference or cannot be "
                "initialised; split it, or specialise pawl::codec");
  static_assert(Why != refusal::opaque_class,
                "pawl: a class with constructors, private or virtual members has no codec; make it a plain aggregate, "
                "adapt it with Boost.Hana (pawl/hana.hpp), or specialise pawl::codec");
  static_assert(Why != refusal::adapted_without_default,
                "pawl: a struct adapted with Boost.Hana has a codec only if it is default-constructible and its "
                "members are assignable; specialise pawl::codec");
  static_assert(Why != refusal::malformed_codec,
                "pawl: a specialisation of pawl::codec fits neither of the two forms in pawl/codec.hpp");
};

// The innermost type without a codec. `Seen` ends the search in recursive types.
template <class T, class... Seen>
struct at_fault;

template <class... Seen>
struct first_at_fault {
  template <class T, class... Rest>
  static constexpr auto search(type_list<T, Rest...>) {
    if constexpr (!has_codec_v<T> && !(std::is_same_v<T, Seen> || ...))
      return std::type_identity<typename at_fault<T, Seen...>::type>{};
    else
      return search(type_list<Rest...>{});
  }
  static constexpr std::type_identity<void> search(type_list<>) { return {}; }
};

template <class T>
struct parts_of {
  using type = type_list<>;
};
template <class T>
requires requires { typename members_of<T>::types; }
struct parts_of<T> {
  using type = typename members_of<T>::types;
};
template <template <class...> class Holder, class... P>
struct parts_of<Holder<P...>> {
  using type =
      std::conditional_t<why_no_codec<Holder<P...>> == special_refusal<Holder<P...>>, type_list<>, type_list<P...>>;
};
template <class E, std::size_t N>
struct parts_of<std::array<E, N>> {
  using type = type_list<E>;
};

template <class T, class... Seen>
struct at_fault {
  using deeper = typename decltype(first_at_fault<T, Seen...>::search(typename parts_of<T>::type{}))::type;
  using type = std::conditional_t<std::is_void_v<deeper>, T, deeper>;
};

template <class T, bool Has = has_codec_v<T>>
struct explain_codec {};
template <class T>
struct explain_codec<T, false> : no_codec<T, typename at_fault<T>::type, why_no_codec<T>> {};

}  // namespace pawl::detail
