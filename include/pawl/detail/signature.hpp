// The parameters and the result of a function, where it has one fixed signature:
// function pointers, objects with one operator(), std::bind_front of such.
// Everything else (generic lambdas, overloads) has none and is tried out (call.hpp).
#pragma once

#include <cstddef>
#include <functional>
#include <type_traits>
#include <utility>

namespace pawl::detail {

template <class... T>
struct types {};

/// through_const: callable where the function object is const.
template <class R, bool ThroughConst, class... A>
struct fixed_signature {
  static constexpr bool exists = true;
  static constexpr bool through_const = ThroughConst;
  using result = R;
  using parameters = types<A...>;
};
struct no_signature {
  static constexpr bool exists = false;
  static constexpr bool through_const = true;
};

template <class Pointer>
struct signature_of_pointer : no_signature {};
template <class R, class... A>
struct signature_of_pointer<R (*)(A...)> : fixed_signature<R, true, A...> {};
template <class R, class... A>
struct signature_of_pointer<R (*)(A...) noexcept> : fixed_signature<R, true, A...> {};
template <class R, class C, class... A>
struct signature_of_pointer<R (C::*)(A...)> : fixed_signature<R, false, A...> {};
template <class R, class C, class... A>
struct signature_of_pointer<R (C::*)(A...)&> : fixed_signature<R, false, A...> {};
template <class R, class C, class... A>
struct signature_of_pointer<R (C::*)(A...) const> : fixed_signature<R, true, A...> {};
template <class R, class C, class... A>
struct signature_of_pointer<R (C::*)(A...) const&> : fixed_signature<R, true, A...> {};
template <class R, class C, class... A>
struct signature_of_pointer<R (C::*)(A...) noexcept> : fixed_signature<R, false, A...> {};
template <class R, class C, class... A>
struct signature_of_pointer<R (C::*)(A...)& noexcept> : fixed_signature<R, false, A...> {};
template <class R, class C, class... A>
struct signature_of_pointer<R (C::*)(A...) const noexcept> : fixed_signature<R, true, A...> {};
template <class R, class C, class... A>
struct signature_of_pointer<R (C::*)(A...) const& noexcept> : fixed_signature<R, true, A...> {};

template <class F>
struct signature_of : signature_of_pointer<F> {};
template <class F>
requires requires { &F::operator(); }
struct signature_of<F> : signature_of_pointer<decltype(&F::operator())> {};

// std::bind_front(f, bound...) has a template for operator(), which would convert
// its arguments silently. Its class is known only by what bind_front returns; the
// signature is that of f without its first parameters.
template <std::size_t Drop, class Signature>
struct without_first : Signature {};
template <std::size_t Drop, class R, bool C, class First, class... A>
requires(Drop > 0) struct without_first<Drop, fixed_signature<R, C, First, A...>>
    : without_first<Drop - 1, fixed_signature<R, C, A...>> {
};

// The constness of a bound member function concerns the bound object, not the call.
template <bool IsMember, class R, bool C, class... A>
fixed_signature<R, C || IsMember, A...> bound_part(const fixed_signature<R, C, A...>&);
template <bool IsMember>
no_signature bound_part(const no_signature&);

template <template <class...> class Binder, class F, class... Bound>
requires(sizeof...(Bound) > 0) &&
    std::is_same_v<Binder<F, Bound...>,
                   decltype(std::bind_front(std::declval<F>(),
                                            std::declval<Bound>()...))> struct signature_of<Binder<F, Bound...>>
    : without_first<sizeof...(Bound) - (std::is_member_function_pointer_v<F> ? 1 : 0),
                    decltype(bound_part<std::is_member_function_pointer_v<F>>(std::declval<signature_of<F>>()))> {
};

}  // namespace pawl::detail
