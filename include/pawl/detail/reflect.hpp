// The fields of a plain aggregate: how many, of which types, and their names,
// without a macro. Knows nothing of codecs.
//
// Why not Boost.PFR 1.81: GCC 12 crashes in it on aggregates with a std::array of
// a non-trivial type, bit-fields are read as garbage, a C array is a hard error.
//
// The order of the questions matters, since a structured binding that does not
// fit is an error that no concept can catch:
//   1. count     T{any, any, ...}: the most initialisers that T takes
//   2. shape     no base, no C array (it would take several initialisers), no anonymous union
//   3. names     the address of every field of an object that is never made must be a constant
//                expression: it is not for bit-fields (a copy is bound) and for references
//   4. types     by binding
#pragma once

#include <pawl/detail/bind.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

namespace pawl::detail {

template <class...>
struct type_list {};

/// Why a type cannot be taken apart; none: it can.
enum class aggregate_fault : unsigned char {
  none,
  not_aggregate,  ///< no class, or one with constructors, private or virtual members
  base,
  array,
  anonymous_union,
  unnamed,      ///< a bit-field or a reference among its fields
  uncountable,  ///< more than 100 fields, or a member that cannot be initialised at all
};

// ---------------------------------------------------------------- 1. count

// Nothing below is ever run; what these warn of is how such initialisers would be converted.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wmissing-braces"

// Converts to whatever a field is. noexcept tells unions apart (see 2).
struct any_field {
  template <class U>
  operator U() const noexcept(!std::is_union_v<U>);
};

template <std::size_t>
using any_at = any_field;

template <class T, std::size_t... I>
constexpr bool takes(std::index_sequence<I...>) {
  return requires { T{any_at<I>{}...}; };
}

// The valid numbers of initialisers are one unbroken interval: it starts above 0
// where a field has no default, and ends at the number of fields.
template <class T, std::size_t N = 0, bool Found = false>
constexpr std::size_t count_initialisers() {
  if constexpr (N > fields_max + 1)
    return fields_max + 1;
  else if constexpr (takes<T>(std::make_index_sequence<N>{}))
    return count_initialisers<T, N + 1, true>();
  else if constexpr (Found)
    return N - 1;
  else
    return count_initialisers<T, N + 1, false>();
}

// ---------------------------------------------------------------- 2. shape

template <class T>
struct any_base {
  template <class U>
  requires(std::is_base_of_v<U, T> && !std::is_same_v<U, T>) operator U() const noexcept;
};

struct any_union {
  template <class U>
  requires(std::is_union_v<U>) operator U() const noexcept;
};

template <class T, class At, std::size_t... Before, std::size_t... After>
constexpr bool takes_at(std::index_sequence<Before...>, std::index_sequence<After...>) {
  return requires { T{any_at<Before>{}..., At{}, any_at<After>{}...}; };
}

template <class T, std::size_t... Before, std::size_t... After>
constexpr bool takes_empty_at(std::index_sequence<Before...>, std::index_sequence<After...>) {
  return requires { T{any_at<Before>{}..., {}, any_at<After>{}...}; };
}

// A C array as a whole takes `{}` where only fewer than all the other initialisers follow.
template <class T, std::size_t N, std::size_t I>
constexpr bool array_at() {
  using before = std::make_index_sequence<I>;
  if constexpr (takes_empty_at<T>(before{}, std::make_index_sequence<N - I - 1>{}))
    return false;
  else
    return []<std::size_t... Fewer>(std::index_sequence<Fewer...>) {
      return (takes_empty_at<T>(before{}, std::make_index_sequence<Fewer>{}) || ...);
    }
  (std::make_index_sequence<N - I - 1>{});
}

template <class T, std::size_t... I>
constexpr aggregate_fault shape_fault(std::index_sequence<I...>) {
  constexpr std::size_t n = sizeof...(I);
  if constexpr (takes_at<T, any_base<T>>(std::index_sequence<>{}, std::make_index_sequence<n - 1>{}))
    return aggregate_fault::base;
  else if constexpr ((array_at<T, n, I>() || ...))
    return aggregate_fault::array;
  else if constexpr (noexcept(T{any_at<I>{}...}))
    return aggregate_fault::none;
  else if constexpr ((takes_at<T, any_union>(std::make_index_sequence<I>{}, std::make_index_sequence<n - I - 1>{}) ||
                      ...))
    return aggregate_fault::anonymous_union;
  else
    return aggregate_fault::none;
}

// ---------------------------------------------------------------- 3. names

template <class T>
struct never_made {
  const T value;
};

#if defined(__clang__)
#pragma clang diagnostic ignored "-Wundefined-internal"
#pragma clang diagnostic ignored "-Wundefined-var-template"
#endif

// Only addresses within it are taken, and only at compile time. It has no definition.
template <class T>
extern const never_made<T> sample;

#if defined(__clang__)
inline constexpr std::size_t row_max = 10;  // Clang spells no more than ten elements of an array
#else
inline constexpr std::size_t row_max = fields_max;
#endif

template <std::size_t N, std::size_t Row = (N < row_max ? N : row_max)>
struct field_addresses {
  const volatile void* field[(N + Row - 1) / Row][Row];
};

struct take_addresses {
  template <class... F>
  constexpr field_addresses<sizeof...(F)> operator()(const F&... field) const {
    return {{__builtin_addressof(field)...}};
  }
};

// All of a type's field names are in the compiler's spelling of one function: one instantiation for each type.
template <auto Addresses>
constexpr const char* spell_addresses() {
  return __PRETTY_FUNCTION__;
}

template <class T, std::size_t N>
inline constexpr auto addresses_of = binder<N>::apply(sample<T>.value, take_addresses{});

template <class T, std::size_t N>
concept has_addresses = requires {
  spell_addresses<binder<N>::apply(sample<T>.value, take_addresses{})>();
};

constexpr bool is_identifier(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// Reads the names from the end: each stands behind the last ':' or '.' of what a marker begins. GCC spells
//   ... {((const volatile void*)(& sample<page>.never_made<page>::value.page::url)), ((const ...::html))}}]
// and Clang
//   ... {{{&sample.value.url, &sample.value.html}}}]
template <std::size_t N>
constexpr std::array<std::string_view, N> read_names(std::string_view spelled) {
#if defined(__clang__)
  constexpr std::string_view marker = "&sample.value.";
#else
  constexpr std::string_view marker = "((const volatile void*)(& ";
#endif
  std::array<std::string_view, N> names;
  for (std::size_t i = N; i-- > 0;) {
    const std::size_t start = spelled.rfind(marker);
#if defined(__clang__)
    const std::size_t begin = start + marker.size();
    std::size_t end = begin;
    while (is_identifier(spelled[end])) ++end;
#else
    std::size_t end = spelled.size();
    while (!is_identifier(spelled[end - 1])) --end;
    std::size_t begin = end;
    while (is_identifier(spelled[begin - 1])) --begin;
#endif
    names[i] = spelled.substr(begin, end - begin);
    spelled = spelled.substr(0, start);
  }
  return names;
}

template <class T, std::size_t N>
inline constexpr std::array<std::string_view, N> names_of =
    read_names<N>(spell_addresses<binder<N>::apply(sample<T>.value, take_addresses{})>());
template <class T>
inline constexpr std::array<std::string_view, 0> names_of<T, 0> = {};

#pragma GCC diagnostic pop

// ---------------------------------------------------------------- 4. types

struct take_types {
  template <class... F>
  constexpr type_list<F...> operator()(F&...) const {
    return {};
  }
};

// ---------------------------------------------------------------- together

struct aggregate_shape {
  aggregate_fault fault;
  std::size_t count;
};

template <class T>
constexpr aggregate_shape shape_of_aggregate() {
  if constexpr (!std::is_class_v<T> || !std::is_aggregate_v<T>) {
    return {aggregate_fault::not_aggregate, 0};
  } else {
    constexpr std::size_t n = count_initialisers<T>();
    if constexpr (n > fields_max) {
      return {aggregate_fault::uncountable, 0};
    } else if constexpr (n == 0) {
      return {aggregate_fault::none, 0};
    } else {
      constexpr aggregate_fault fault = shape_fault<T>(std::make_index_sequence<n>{});
      if constexpr (fault != aggregate_fault::none)
        return {fault, 0};
      else if constexpr (!has_addresses<T, n>)
        return {aggregate_fault::unnamed, 0};
      else
        return {aggregate_fault::none, n};
    }
  }
}

template <class T>
inline constexpr aggregate_shape aggregate_of = shape_of_aggregate<T>();

/// The types of a sound aggregate's fields, const where they are.
template <class T>
using aggregate_fields = decltype(binder<aggregate_of<T>.count>::apply(std::declval<T&>(), take_types{}));

}  // namespace pawl::detail
