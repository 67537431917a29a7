// The types along a chain: what arrives at each step, what it passes on, and the
// first thing that is wrong with it, if any.
//
// Pairwise: each step is looked at once, with the one type that arrives at it, so
// that a chain costs compile time in proportion to its length.
#pragma once

#include <pawl/codec.hpp>
#include <pawl/detail/call.hpp>
#include <pawl/detail/diagnostics.hpp>
#include <pawl/detail/explain.hpp>
#include <pawl/detail/parameter.hpp>
#include <pawl/detail/signature.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

namespace pawl::detail {

template <class T>
concept awaitable = requires(T& value) {
  value.await_ready();
}
|| requires(T& value) { value.operator co_await(); }
|| requires(T& value) { operator co_await(value); };

/// The first of the parameters with a role; void where there is none.
template <role What, class Parameters>
struct first_parameter {
  using type = void;
};
template <role What, class First, class... P>
struct first_parameter<What, types<First, P...>> : first_parameter<What, types<P...>> {};
template <role What, class First, class... P>
requires(role_of<First> == What) struct first_parameter<What, types<First, P...>> {
  using type = First;
};

/// What F makes of a T: from its signature, or by trying.
template <class F, class T, class Signature = signature_of<F>, bool Fixed = Signature::exists>
struct function_facts : tried<F, T> {
  using parameters = types<>;
};
template <class F, class T, class Signature>
struct function_facts<F, T, Signature, true> {
  using result = typename Signature::result;
  using parameters = typename Signature::parameters;
};
template <class F, class Signature>
struct function_facts<F, undetermined, Signature, false> : accepted<undetermined, false> {
  using parameters = types<>;
};

/// The input that a first step tells by its signature; undetermined where it tells none.
template <class F, class Signature = signature_of<F>, bool Fixed = Signature::exists>
struct input_told_by {
  using type = undetermined;
};
template <class F, class Signature>
struct input_told_by<F, Signature, true> {
  using value = typename first_parameter<role::value, typename Signature::parameters>::type;
  using item = typename first_parameter<role::item, typename Signature::parameters>::type;
  static consteval auto tell() {
    if constexpr (!std::is_void_v<value>)
      return std::type_identity<input_for<value>>{};
    else if constexpr (!std::is_void_v<item>)
      return std::type_identity<typename std::remove_cvref_t<item>::value_type>{};
    else
      return std::type_identity<undetermined>{};
  }
  using type = typename decltype(tell())::type;
};

/// The first of several problems that is one.
template <class... Problem>
struct first_problem : fine {};
template <class Problem, class... More>
struct first_problem<found<Problem>, More...> : found<Problem> {};
template <class... More>
struct first_problem<fine, More...> : first_problem<More...> {};

template <class... Argument>
consteval bool takes_transaction(types<Argument...>) {
  return (std::is_same_v<Argument, transaction_argument> || ...);
}

/// What is wrong with a function for the value that arrives at it. Arrival is for the message.
template <class Step, class Arrival, class F, class T>
consteval auto function_problem() {
  using name = spelled<Step::name>;
  using facts = function_facts<F, T>;
  if constexpr (!signature_of<F>::through_const) {
    return found<function_is_mutable<the_step<name>>>{};
  } else if constexpr (signature_of<F>::exists) {
    using parameter = typename first_parameter<role::value, typename facts::parameters>::type;
    if constexpr (std::is_void_v<parameter> || std::is_same_v<T, undetermined>) {
      return fine{};
    } else {
      constexpr fit how = fit_of<parameter, T>();
      if constexpr (how == fit::none)
        return found<neighbours_do_not_fit<Arrival, is_not_accepted_by<name, parameter>>>{};
      else if constexpr (how == fit::converts)
        return found<nothing_is_converted<Arrival, would_be_converted_by<name, parameter>>>{};
      else if constexpr (how == fit::mutable_reference)
        return found<input_by_mutable_reference<the_step<name>, which_takes<parameter>>>{};
      else
        return fine{};
    }
  } else if constexpr (facts::accepts) {
    if constexpr (takes_transaction(typename facts::arguments{}) && Step::kind != step_kind::transactional)
      return found<transaction_outside_transactional<the_step<name>>>{};
    else
      return fine{};
  } else if constexpr (callable<F, const T&> || callable<F, const T&, context&>) {
    return found<function_is_mutable<the_step<name>>>{};
  } else {
    return found<neighbours_do_not_fit<Arrival, is_not_accepted_by<name, a_generic_function>>>{};
  }
}

/// What is wrong with a result, declared as R.
template <class Step, class R>
consteval auto result_problem() {
  using name = spelled<Step::name>;
  using value = typename value_returned<R>::type;
  if constexpr (std::is_void_v<value> || std::is_same_v<value, undetermined>)
    return fine{};
  else if constexpr (std::is_reference_v<R>)
    return found<result_is_a_reference<the_step<name>, returns<R>>>{};
  else if constexpr (awaitable<value>)
    return found<result_is_awaitable<the_step<name>, returns<R>>>{};
  else if constexpr (!has_codec_v<value>)
    return found<result_has_no_codec<the_step<name>, returns<value>, explain_codec<value>>>{};
  else
    return fine{};
}

}  // namespace pawl::detail
