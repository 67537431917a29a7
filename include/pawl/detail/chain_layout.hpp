// A whole chain at compile time: every step with the value that arrives at it, its
// problem if it has one, and the link that the erased table needs of it.
#pragma once

#include <pawl/detail/chain_draft.hpp>
#include <pawl/detail/chain_types.hpp>
#include <pawl/detail/migrate.hpp>
#include <pawl/detail/value_type.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace pawl::detail {

template <std::size_t I, class T>
struct slot {};
template <std::size_t I, class T>
std::type_identity<T> in_slot(const slot<I, T>*);

/// `In` is `undetermined` where the first step does not tell it.
template <class In, class Places, class... Steps>
struct chain_layout;

template <class In, std::size_t... I, class... Steps>
struct chain_layout<In, std::index_sequence<I...>, Steps...> {
struct slots : slot<I, Steps>... {};
  template <std::size_t Place>
  using step_at = typename decltype(in_slot<Place>(static_cast<const slots*>(nullptr)))::type;

  static constexpr std::size_t count = sizeof...(Steps);
  static constexpr std::array<std::string_view, count> names{Steps::name.view()...};

  /// The place of the step with this name; `count` where there is none.
  static consteval std::size_t place_of(std::string_view name) {
    for (std::size_t place = 0; place < count; ++place)
      if (names[place] == name) return place;
    return count;
  }
  /// The place of the first step with a slash in its name; `count` where there is none.
  static consteval std::size_t first_with_slash() {
    for (std::size_t place = 0; place < count; ++place)
      if (names[place].find('/') != std::string_view::npos) return place;
    return count;
  }
  /// The place of the first step whose name stood earlier in the chain; `count` where there is none.
  static consteval std::size_t first_duplicate() {
    for (std::size_t place = 1; place < count; ++place)
      if (place_of(names[place]) < place) return place;
    return count;
  }

  // What arrives at a place: its type and its value number (erased.hpp).
  template <std::size_t Place, class = void>
  struct arrival {
    using before = arrival<Place - 1>;
    using value = typename before::value_after;
    using type = std::conditional_t<std::is_void_v<value>, typename before::type, value>;
    static constexpr std::uint16_t number = std::is_void_v<value> ? before::number : Place;
    using facts = function_facts<typename step_at<Place>::function_type, type>;
    using value_after = typename value_returned<std::remove_reference_t<typename facts::result>>::type;
  };
  template <class Unused>
  struct arrival<0, Unused> {
    using type = In;
    static constexpr std::uint16_t number = 0;
    using facts = function_facts<typename step_at<0>::function_type, In>;
    using value_after = typename value_returned<std::remove_reference_t<typename facts::result>>::type;
  };

  /// How a message names what arrives at a place.
  template <std::size_t Place>
  static consteval auto arrival_in_words() {
    constexpr std::uint16_t number = arrival<Place>::number;
    if constexpr (number == 0)
      return std::type_identity<the_input<In>>{};
    else
      return std::type_identity<the_result_of<spelled<step_at<number - 1>::name>, typename arrival<Place>::type>>{};
  }

  /// The number of the value that a parameter reads beside the one that arrives.
  template <class P>
  static consteval std::uint16_t number_read_by() {
    if constexpr (role_of<P> == role::item)
      return 0;
    else if constexpr (role_of<P> == role::from)
      return static_cast<std::uint16_t>(place_of(asked<std::remove_cvref_t<P>>::step.view()) + 1);
    else
      return no_value;
  }

  template <std::size_t Place, class P>
  static consteval auto parameter_problem() {
    using name = spelled<step_at<Place>::name>;
    using bare = std::remove_cvref_t<P>;
    if constexpr (role_of<P> == role::context) {
      if constexpr (!std::is_lvalue_reference_v<P>)
        return found<context_not_by_reference<the_step<name>, which_takes<P>>>{};
      else
        return fine{};
    } else if constexpr (role_of<P> == role::transaction) {
      if constexpr (step_at<Place>::kind != step_kind::transactional)
        return found<transaction_outside_transactional<the_step<name>>>{};
      else if constexpr (!std::is_lvalue_reference_v<P>)
        return found<transaction_not_by_reference<the_step<name>, which_takes<P>>>{};
      else
        return fine{};
    } else if constexpr (role_of<P> == role::item) {
      if constexpr (!std::is_same_v<typename bare::value_type, In> && !std::is_same_v<In, undetermined>)
        return found<item_is_another_type<the_step<name>, which_takes<bare>, the_input<In>>>{};
      else
        return fine{};
    } else if constexpr (role_of<P> == role::from) {
      return from_problem<Place, bare>();
    } else {
      return fine{};
    }
  }

  template <std::size_t Place, class From>
  static consteval auto from_problem() {
    using name = spelled<step_at<Place>::name>;
    using asked_type = typename From::value_type;
    constexpr std::size_t source = place_of(asked<From>::step.view());
    using wanted = asks_for<spelled<asked<From>::step>>;
    if constexpr (source == count) {
      return found<from_unknown_step<the_step<name>, wanted>>{};
    } else if constexpr (source >= Place) {
      return found<from_later_step<the_step<name>, wanted>>{};
    } else {
      using actual = typename arrival<source>::value_after;
      if constexpr (!std::is_same_v<actual, asked_type> && !std::is_same_v<actual, undetermined>)
        return found<from_another_type<the_step<name>, asks_for_result<spelled<asked<From>::step>, asked_type>,
                                       returns<actual>>>{};
      else
        return fine{};
    }
  }

  template <std::size_t Place, class... P>
  static constexpr bool consumes =
      ((role_of<P> == role::value && fit_of<P, typename arrival<Place>::type>() == fit::consume) || ...);
  /// Such a step gets a copy instead of what arrives, as it may not move from what it looks at.
  template <std::size_t Place, class... P>
  static constexpr bool looks_at_what_arrives = ((number_read_by<P>() == arrival<Place>::number) || ...);

  template <std::size_t Place, class... P>
  static consteval auto parameters_problem(types<P...>) {
    if constexpr (((role_of<P> == role::value) && ... && (sizeof...(P) < 2))) {
      return fine{};
    } else if constexpr (((role_of<P> == role::value ? 1 : 0) + ... + 0) > 1) {
      return found<more_than_one_input<the_step<spelled<step_at<Place>::name>>, which_takes<P>...>>{};
    } else if constexpr (looks_at_what_arrives<Place, P...> && consumes<Place, P...> &&
                         !traits_of<typename arrival<Place>::type>.copyable) {
      return found<consumes_what_it_looks_at<the_step<spelled<step_at<Place>::name>>, typename arrival<Place>::type>>{};
    } else {
      return found<typename first_problem<decltype(parameter_problem<Place, P>())...>::problem>{};
    }
  }

  template <class... P>
  static consteval bool any_reads_input(types<P...>) {
    return ((role_of<P> == role::item) || ...);
  }
  template <std::size_t Place>
  static consteval bool uses_input() {
    return arrival<Place>::number == 0 || any_reads_input(typename arrival<Place>::facts::parameters{});
  }
  template <std::size_t Place, class... P>
  static consteval bool moves_from(types<P...>) {
    if constexpr (signature_of<typename step_at<Place>::function_type>::exists)
      return consumes<Place, P...>;
    else
      return arrival<Place>::facts::consumes;
  }
  /// Everything but an input can be encoded, so the engine can copy it before a step consumes it.
  template <std::size_t Place>
  static consteval auto reuse_problem() {
    using here = arrival<Place>;
    if constexpr (here::number != 0 || has_codec_v<In>) {
      return fine{};
    } else if constexpr (traits_of<In>.copyable) {
      return fine{};
    } else if constexpr (moves_from<Place>(typename here::facts::parameters{}) &&
                         ((I > Place && uses_input<I>()) || ...)) {
      return found<input_is_used_up<the_step<spelled<step_at<Place>::name>>, the_input<In>>>{};
    } else {
      return fine{};
    }
  }

  /// The first thing that is wrong with a step.
  template <std::size_t Place>
  static consteval auto step_problem() {
    using here = arrival<Place>;
    using step = step_at<Place>;
    using words = typename decltype(arrival_in_words<Place>())::type;
    return found<typename first_problem<
        decltype(function_problem<step, words, typename step::function_type, typename here::type>()),
        decltype(parameters_problem<Place>(typename here::facts::parameters{})),
        decltype(result_problem<step, typename here::facts::result>()), decltype(reuse_problem<Place>()),
        decltype(migrated_result_problem<the_step<spelled<step::name>>, typename here::value_after>(
            typename step::migrations{}))>::problem>{};
  }

  /// The argument that a parameter gets.
  template <std::size_t Place, bool MayConsume, class P>
  static consteval auto argument_for() {
    using arriving = typename arrival<Place>::type;
    using bare = std::remove_cvref_t<P>;
    if constexpr (role_of<P> == role::context)
      return context_argument{};
    else if constexpr (role_of<P> == role::transaction)
      return transaction_argument{};
    else if constexpr (role_of<P> != role::value)
      return further_argument<bare, number_read_by<P>()>{};
    else if constexpr (fit_of<P, arriving>() == fit::view)
      return view_argument<arriving, bare>{};
    else if constexpr (fit_of<P, arriving>() == fit::read)
      return read_argument<arriving>{};
    else if constexpr (MayConsume)
      return consume_argument<arriving>{};
    else
      return copy_argument<arriving>{};
  }

  template <class... P>
  static constexpr std::array<std::uint16_t, sizeof...(P)> numbers_read_by{number_read_by<P>()...};

  template <std::size_t Place, class F, class R, class... P>
  static consteval link link_by_signature(types<P...>) {
    constexpr bool further = ((number_read_by<P>() != no_value) || ...);
    constexpr bool moves = consumes<Place, P...> && !looks_at_what_arrives<Place, P...>;
    link made;
    made.call = &call<F, R, decltype(argument_for<Place, moves, P>())...>;
    made.consumes = moves;
    if constexpr (further) made.reads = numbers_read_by<P...>;
    return made;
  }
  template <class F, class... P>
  static consteval link link_as_batch(types<P...>) {
    link made;
    made.call_batch = &F::call;
    if constexpr (((number_read_by<P>() != no_value) || ...)) made.reads = numbers_read_by<P...>;
    return made;
  }
  /// Nothing is consumed: what a source looks at lives until its children have ended.
  template <std::size_t Place, class F, class... P>
  static consteval link link_as_fan(types<P...>) {
    link made;
    made.call = &F::template call<decltype(argument_for<Place, false, P>())...>;
    if constexpr (((number_read_by<P>() != no_value) || ...)) made.reads = numbers_read_by<P...>;
    return made;
  }
  template <class F, class R, class... Argument>
  static consteval link link_as_tried(types<Argument...>) {
    link made;
    made.call = &call<F, R, Argument...>;
    return made;
  }

  /// What the erased table needs of a step without problems.
  template <std::size_t Place>
  static consteval link link_of() {
    using function = typename step_at<Place>::function_type;
    using facts = typename arrival<Place>::facts;
    using value = typename arrival<Place>::value_after;
    link made;
    if constexpr (step_at<Place>::kind == step_kind::batch) {
      made = link_as_batch<function>(typename facts::parameters{});
    } else if constexpr (step_at<Place>::kind == step_kind::each || step_at<Place>::kind == step_kind::parallel) {
      made = link_as_fan<Place, function>(typename facts::parameters{});
    } else if constexpr (signature_of<function>::exists) {
      made = link_by_signature<Place, function, typename facts::result>(typename facts::parameters{});
    } else {
      made = link_as_tried<function, typename facts::result>(typename facts::arguments{});
      made.consumes = facts::consumes;
    }
    if constexpr (!std::is_void_v<value>) made.result = &value_type_of<value>;
    return made;
  }

  // Looked at from the first place to the last, so that no template nests deeply.
  static constexpr bool sound = (std::is_same_v<decltype(step_problem<I>()), fine> && ...);
  static constexpr std::array<link, count> links() {
    if constexpr (sound)
      return {link_of<I>()...};
    else
      return {};
  }
  /// Stops the compiler at every problem. Not consteval: a failed assertion must not also make a constant
  /// expression fail, which would be said again for each.
  static void demand_sound() { (void)(sizeof(typename decltype(step_problem<I>())::problem) + ... + 0); }

  using after_last = typename arrival<count - 1>::value_after;
  using output = std::conditional_t<std::is_void_v<after_last>, typename arrival<count - 1>::type, after_last>;
};

}  // namespace pawl::detail
