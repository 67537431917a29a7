// Records: plain aggregates, taken apart by reflect.hpp, and whatever else has a
// members_of (hana.hpp brings one for adapted structs). And what is left over:
// the types that are refused.
#pragma once

#include <pawl/detail/coder.hpp>
#include <pawl/detail/reflect.hpp>

#include <memory>
#include <span>
#include <string>

namespace pawl::detail {

// The members of a type:
//   static constexpr refusal why
// and where that is none
//   using types = type_list<...>
//   static constexpr const std::string_view* names      one each
//   static constexpr bool in_memory_order               listed as they lie in T
//   static auto apply(const T&, f)                      f(member...)
//   static T make(decoder&)
template <class T>
struct members_of;

constexpr refusal refusal_of(aggregate_fault fault) {
  switch (fault) {
    case aggregate_fault::none:
      return refusal::none;
    case aggregate_fault::base:
      return refusal::base_class;
    case aggregate_fault::array:
      return refusal::c_array;
    case aggregate_fault::anonymous_union:
      return refusal::anonymous_union;
    case aggregate_fault::unnamed:
      return refusal::unnamed_field;
    case aggregate_fault::uncountable:
      return refusal::uncountable;
    case aggregate_fault::not_aggregate:
      break;
  }
  return refusal::opaque_class;
}

template <class T>
inline constexpr refusal special_refusal = refusal::none;
template <class T, class D>
inline constexpr refusal special_refusal<std::unique_ptr<T, D>> = refusal::smart_pointer;
template <class T>
inline constexpr refusal special_refusal<std::shared_ptr<T>> = refusal::smart_pointer;
template <class T>
inline constexpr refusal special_refusal<std::weak_ptr<T>> = refusal::smart_pointer;
template <class C, class R>
inline constexpr refusal special_refusal<std::basic_string_view<C, R>> = refusal::view;
template <class T, std::size_t N>
inline constexpr refusal special_refusal<std::span<T, N>> = refusal::view;
template <class T>
inline constexpr refusal special_refusal<std::initializer_list<T>> = refusal::view;
template <class C, class R, class A>
inline constexpr refusal special_refusal<std::basic_string<C, R, A>> = refusal::wide_string;

// Without a look at the members.
template <class T>
constexpr refusal refusal_of_shape() {
  if constexpr (std::is_reference_v<T>)
    return refusal::reference;
  else if constexpr (std::is_volatile_v<T>)
    return refusal::volatile_value;
  else if constexpr (std::is_pointer_v<T> || std::is_member_pointer_v<T> || std::is_null_pointer_v<T>)
    return refusal::pointer;
  else if constexpr (std::is_array_v<T>)
    return refusal::c_array;
  else if constexpr (std::is_union_v<T>)
    return refusal::plain_union;
  else if constexpr (!std::is_class_v<T>)
    return refusal::nothing;
  else if constexpr (special_refusal<T> != refusal::none)
    return special_refusal<T>;
  else if constexpr (std::is_abstract_v<T>)
    return refusal::nothing;
  else if constexpr (members_of<T>::why != refusal::none)
    return members_of<T>::why;
  else if constexpr (!std::is_move_constructible_v<T>)
    return refusal::fixed_in_place;
  else
    return refusal::none;
}

template <class T, std::size_t N>
struct aggregate_members {
  static constexpr refusal why = refusal::none;
  using types = aggregate_fields<T>;
  static constexpr const std::string_view* names = names_of<T, N>.data();
  static constexpr bool in_memory_order = true;

  template <class F>
  static decltype(auto) apply(const T& value, F f) {
    return binder<N>::apply(value, f);
  }
  static T make(decoder& in) { return make_from(in, types{}); }

private:
  template <class... F>
  static T make_from([[maybe_unused]] decoder& in, type_list<F...>) {
    return T{get<std::remove_const_t<F>>(in)...};  // in braces: from left to right
  }
};

template <aggregate_fault Fault>
struct no_members {
  static constexpr refusal why = refusal_of(Fault);
};

template <class T>
struct members_of : std::conditional_t<aggregate_of<T>.fault == aggregate_fault::none,
                                       aggregate_members<T, aggregate_of<T>.count>, no_members<aggregate_of<T>.fault>> {
};

struct put_members {
  encoder& out;
  template <class... M>
  void operator()(const M&... member) const {
    (coder<M>::encode(member, out), ...);
  }
};

template <class T, class Types = typename members_of<T>::types>
struct code_record;

template <class T, class... M>
struct code_record<T, type_list<M...>> {
  static constexpr std::size_t min_size = sizeof...(M) == 0 ? 1 : (coder<std::remove_const_t<M>>::min_size + ... + 0);
  static constexpr bool bulk = members_of<T>::in_memory_order && sizeof...(M) != 0 &&
                               (sizeof(M) + ... + 0) == sizeof(T) && (coder<std::remove_const_t<M>>::bulk && ...) &&
                               std::is_trivially_copyable_v<T> && std::is_default_constructible_v<T> &&
                               std::is_copy_assignable_v<T>;

  static void encode(const T& value, encoder& out) {
    if constexpr (bulk) {
      out.write(std::addressof(value), sizeof value);
    } else if constexpr (sizeof...(M) == 0) {
      out.put(std::uint8_t{0});
    } else if constexpr (traits_of<T>.recursive) {
      const nesting deeper(out);
      members_of<T>::apply(value, put_members{out});
    } else {
      members_of<T>::apply(value, put_members{out});
    }
  }

  static T decode(decoder& in) {
    if constexpr (bulk) {
      T value;
      in.read(std::addressof(value), sizeof value);
      return value;
    } else if constexpr (traits_of<T>.recursive) {
      const nesting deeper(in);
      return members_of<T>::make(in);
    } else {
      if constexpr (sizeof...(M) == 0) get_nothing(in);
      return members_of<T>::make(in);
    }
  }

  static constexpr type_desc describe() {
    type_desc made{.kind = schema_kind::record};
    if constexpr (sizeof...(M) != 0) {
      made.count = sizeof...(M);
      made.children = descs<std::remove_const_t<M>...>;
      made.names = members_of<T>::names;
    }
    if constexpr (requires { T{}; }) made.encode_default = [](encoder& out) { encode(T{}, out); };
    return made;
  }

  static constexpr traits ask(const visited* around) {
    if (is_among(type_name<T>, around)) return {.recursive = true};
    const visited here{type_name<T>, around};
    return (own_traits<T>() & ... & coder<std::remove_const_t<M>>::ask(&here));
  }
};

template <class T>
struct code_refused {
  static constexpr traits ask(const visited*) {
    traits own{refusal_of_shape<T>(), false, false, false};
    if constexpr (std::is_object_v<T> && !std::is_abstract_v<T>) {
      own.copyable = std::is_copy_constructible_v<T>;
      own.comparable = equality<T>;
    }
    return own;
  }
};

template <class T, bool Refused = refusal_of_shape<T>() != refusal::none>
struct choose_record {
  using type = code_refused<T>;
};
template <class T>
struct choose_record<T, false> {
  using type = code_record<T>;
};

template <class T>
struct built_in : choose_record<T>::type {};

}  // namespace pawl::detail
