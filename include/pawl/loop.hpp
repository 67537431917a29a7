// A step that goes round: a function that changes a state until it says that it is
// done. The state is checkpointed between rounds, so a crash costs the rounds since
// the last checkpoint and not the whole loop.
//
//   pawl::loop<"integrate">([](field& f, pawl::context& ctx) {
//     advance(f);
//     ctx.progress(f.time / f.end);
//     return f.time < f.end ? pawl::round::again : pawl::round::done;
//   }, {.mtbf = 24h})
//
// When to checkpoint, and how to write one, is compiled: engine/run/loop.hpp, engine/slots/.
#pragma once

#include <pawl/detail/chain_types.hpp>
#include <pawl/detail/value_type.hpp>
#include <pawl/step.hpp>

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

namespace pawl {

/// What one round of a loop says.
enum class round : std::uint8_t { again, done };

namespace detail {

struct loop_access {
  static void run_rounds(context& ctx, loop_rounds& rounds) { ctx.source_->run_rounds(rounds); }
};

/// Takes `state` through its rounds: all that is stamped out for a loop. `once` is called with the state.
template <class State, class Once>
void run_rounds(context& ctx, std::optional<State>& state, const Once& once) {
  struct under_way {
    std::optional<State>& state;
    const Once& once;
    static under_way& of(void* self) { return *static_cast<under_way*>(self); }
  };
  under_way loop{state, once};
  loop_rounds rounds{value_type_of<State>(), &loop,
                     [](void* self) -> const void* { return &*under_way::of(self).state; },
                     [](void* self) { return under_way::of(self).once(*under_way::of(self).state) == round::done; },
                     [](void* self, decoder& in) {
                       under_way::of(self).state.reset();
                       under_way::of(self).state.emplace(pawl::decode<State>(in.take(in.remaining())));
                     }};
  loop_access::run_rounds(ctx, rounds);
}

template <class P>
inline constexpr bool is_context = role_of<P> == role::context && std::is_lvalue_reference_v<P>;
template <class... P>
consteval bool any_context(types<P...>) {
  return (is_context<P> || ...);
}
template <class P>
inline constexpr bool is_state_parameter = role_of<P> == role::value && std::is_lvalue_reference_v<P> &&
                                           !std::is_const_v<std::remove_reference_t<P>>;

/// What arrives for a parameter of a round, and what a round gets for it.
template <class State, class P>
struct round_argument {
  using arriving = P;
  static void arrive(std::optional<State>&, P&) {}
  static auto& get(State&, std::remove_reference_t<P>& argument) { return argument; }
};
template <class State>
struct round_argument<State, State&> {
  using arriving = State&&;
  static void arrive(std::optional<State>& state, State& argument) { state.emplace(std::move(argument)); }
  static State& get(State& now, State&) { return now; }
};

/// The step's function for a round with one fixed signature: as the round, but that the state arrives and is returned.
template <bool TakesContext, class F, class State, class Parameters>
struct loop_function;
template <class F, class State, class... P>
struct loop_function<false, F, State, types<P...>> {
  F round_function;
  State operator()(typename round_argument<State, P>::arriving... arguments, context& ctx) const {
    std::optional<State> state;
    (round_argument<State, P>::arrive(state, arguments), ...);
    run_rounds(ctx, state,
               [&](State& now) { return round_function(round_argument<State, P>::get(now, arguments)...); });
    return std::move(*state);
  }
};
template <class F, class State, class... P>
struct loop_function<true, F, State, types<P...>> {
  F round_function;
  State operator()(typename round_argument<State, P>::arriving... arguments) const {
    std::optional<State> state;
    (round_argument<State, P>::arrive(state, arguments), ...);
    run_rounds(context_among(arguments...), state,
               [&](State& now) { return round_function(round_argument<State, P>::get(now, arguments)...); });
    return std::move(*state);
  }

private:
  template <class First, class... More>
  static context& context_among(First& first, More&... more) {
    if constexpr (std::is_same_v<First, context>)
      return first;
    else
      return context_among(more...);
  }
};

/// The same for a generic one.
template <fixed_string Name, class F>
struct generic_loop_function {
  F round_function;

  template <class State>
  requires(!std::is_reference_v<State> && !std::is_const_v<State> &&
           (callable<const F, State&> || callable<const F, State&, context&>))
  State operator()(State&& arrived, context& ctx) const {
    std::optional<State> state(std::move(arrived));
    run_rounds(ctx, state, [&](State& now) {
      if constexpr (callable<const F, State&>)
        return said<decltype(round_function(now))>([&] { return round_function(now); });
      else
        return said<decltype(round_function(now, ctx))>([&] { return round_function(now, ctx); });
    });
    return std::move(*state);
  }

private:
  template <class R, class Call>
  static round said(const Call& call) {
    if constexpr (!std::is_same_v<R, round>) {
      (void)sizeof(round_returns_something_else<the_step<spelled<Name>>, returns<R>>);
      return round::done;
    } else {
      return call();
    }
  }
};

/// The state that a round's parameters tell; void where there is not exactly one.
template <class... P>
consteval auto state_told_by(types<P...>) {
  if constexpr ((0 + ... + (role_of<P> == role::value ? 1 : 0)) != 1 ||
                (0 + ... + (is_state_parameter<P> ? 1 : 0)) != 1)
    return std::type_identity<void>{};
  else
    return std::type_identity<std::remove_reference_t<typename first_parameter<role::value, types<P...>>::type>>{};
}

template <fixed_string Name, class... P>
consteval auto loop_problem(types<P...>) {
  return found<loop_takes_no_state<the_step<spelled<Name>>, which_takes<P>...>>{};
}

/// The step, or what stops the compiler.
template <fixed_string Name, class F>
auto make_loop(F function, const loop_options& options) {
  using signature = signature_of<F>;
  using name = the_step<spelled<Name>>;
  step_draft draft(Name.view(), step_kind::loop);
  draft.loop(options);
  if constexpr (std::is_member_pointer_v<F>) {
    (void)sizeof(member_without_object<name, F>);
    return step_of<Name, step_kind::loop, undetermined>({}, std::move(draft));
  } else if constexpr (!signature::through_const) {
    (void)sizeof(function_is_mutable<name>);
    return step_of<Name, step_kind::loop, undetermined>({}, std::move(draft));
  } else if constexpr (!signature::exists) {
    using made = generic_loop_function<Name, F>;
    return step_of<Name, step_kind::loop, made>(made{std::move(function)}, std::move(draft));
  } else {
    using parameters = typename signature::parameters;
    using state = typename decltype(state_told_by(parameters{}))::type;
    if constexpr (std::is_void_v<state>) {
      (void)sizeof(typename decltype(loop_problem<Name>(parameters{}))::problem);
      return step_of<Name, step_kind::loop, undetermined>({}, std::move(draft));
    } else if constexpr (!std::is_same_v<typename signature::result, round>) {
      (void)sizeof(round_returns_something_else<name, returns<typename signature::result>>);
      return step_of<Name, step_kind::loop, undetermined>({}, std::move(draft));
    } else {
      using made = loop_function<any_context(parameters{}), F, state, parameters>;
      return step_of<Name, step_kind::loop, made>(made{std::move(function)}, std::move(draft));
    }
  }
}

}  // namespace detail

/// A step in rounds. `function` is called with the state by non-const reference, again and again, until it returns
/// round::done; the state is what arrives at the step, and what it returns. Beside it the function may take
/// pawl::context& (whose round() counts), pawl::item and pawl::from. The state needs a codec, and *everything that the
/// next round depends on must be in it*: random numbers included.
///
/// To the rest of the chain it is a `step`: it may touch the outside, starts only on durable ground, and a round may be
/// called again after a crash. Its result is recorded as any other's; the modifiers of steps apply to the whole loop (a
/// time-out, for example, to all rounds that one attempt does).
///
/// Checkpoints. `options` say how often; pawl::loop_report what that came to. Each is written into one of two files of
/// the state directory in turn, so a crash while one is written leaves the other; no second copy of the state is made
/// in memory. Rounds wait for it. With durability::power it is on the disk when the next round starts; with
/// durability::process it survives the death of the process at once, and is written to the disk when the kernel sees
/// fit: a power cut may take back the last ones or all, and the loop then goes on from what is left or from its input.
/// A later run, or another attempt after an exception, goes on from the last checkpoint, also of a failed item. Where a
/// loop has checkpoints and none can be read (they are damaged), it starts over from its input, which is logged and
/// counted. The same holds where its item's generation, the step's .version or the schema of the state changed.
///
/// A stop of the run, or a time-out, ends the loop between two rounds, after a checkpoint; a round that is long may look
/// at the context's stop token itself and throw pawl::step_stopped, which costs what the round has done.
///
/// The step called alone, `integrate(state, ctx)` with a pawl::test_context, does all rounds and returns the last state.
/// Throws pawl::error(bad_argument) for options that make no sense.
template <detail::fixed_string Name, class F>
[[nodiscard]] auto loop(F function, const loop_options& options = {}) {
  return detail::make_loop<Name>(std::move(function), options);
}
/// A member function: `loop<"integrate">(&solver::advance, &s, {.every = 60s})`. `object` is a pointer, also a smart one.
template <detail::fixed_string Name, class Member, class Pointer>
requires std::is_member_function_pointer_v<Member>
[[nodiscard]] auto loop(Member member, Pointer object, const loop_options& options = {}) {
  using signature = detail::signature_of<Member>;
  using function = detail::bound_member<Member, Pointer, typename signature::result, typename signature::parameters>;
  return detail::make_loop<Name>(function{member, std::move(object)}, options);
}

}  // namespace pawl
