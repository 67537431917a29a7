// The same input to several steps at once: each has its own checkpoint and its own
// retries, and what they return arrives together.
//
//   pawl::workflow<"order">(
//       pawl::parallel<"enrich">(pawl::step<"stock">(ask_the_warehouse).retry({.attempts = 5}),
//                                pawl::step<"price">(ask_for_the_price)),
//       pawl::step<"confirm">([](const std::tuple<stock, price>& both) { ... }))
//
// A branch is a child item (each.hpp) of a workflow with one step.
#pragma once

#include <pawl/detail/diagnostics.hpp>
#include <pawl/detail/each_function.hpp>
#include <pawl/detail/explain.hpp>
#include <pawl/step.hpp>
#include <pawl/workflow.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace pawl {
namespace detail {

/// Gives a copy of the value that arrived, once.
template <class In>
class only_child final : public child_source {
public:
  explicit only_child(const In& value) : value_(&value) {}
  bool next(void* storage) override {
    const In* const value = std::exchange(value_, nullptr);
    if (value != nullptr) ::new (storage) In(*value);
    return value != nullptr;
  }

private:
  const In* value_;
};

inline void key_of_only_child(const void*, const void*, key_sink& into) { into.text({}); }

/// Value: by branch what it returns, std::monostate for nothing.
template <class In, class... Value>
class parallel_function {
public:
  using as_a_step = fixed_signature<std::tuple<Value...>, true, const In&>;

  /// erased_step::call, twice (fan_call).
  template <class Argument>
  static outcome_kind call(const void*, call_frame& frame) {
    fan_call& fan = *frame.fan;
    if (fan.ended == nullptr)
      for (std::size_t i = 0; i < sizeof...(Value); ++i)
        fan.sources.push_back(std::make_unique<only_child<In>>(Argument::get(frame)));
    else
      put_together(frame, std::index_sequence_for<Value...>{});
    return outcome_kind::value;
  }

private:
  template <std::size_t... I>
  static void put_together(call_frame& frame, std::index_sequence<I...>) {
    ::new (frame.out) std::tuple<Value...>(take<Value>((*frame.fan->results)[I])...);
  }
  template <class T>
  static T take(void* result) {
    if constexpr (std::is_same_v<T, std::monostate>)
      return result == nullptr ? T{} : *static_cast<T*>(result);
    else
      return std::move(*static_cast<T*>(result));
  }
};

template <class In, class... Value>
struct signature_of<parallel_function<In, Value...>> : parallel_function<In, Value...>::as_a_step {};

/// What a step returns for an In; std::monostate for nothing.
template <class In, class Step>
struct branch_value {
  using returned = typename chain_layout<In, std::index_sequence<0>, Step>::template arrival<0>::value_after;
  using type = std::conditional_t<std::is_void_v<returned>, std::monostate, returned>;
};

/// The type of what arrives: as written, or as the first branch that tells it says.
template <class In, class...>
struct arrives_at_branches {
  using type = In;
};
template <class First, class... More>
struct arrives_at_branches<undetermined, First, More...>
    : arrives_at_branches<typename input_told_by<typename First::function_type>::type, More...> {};

/// The place of the first whose name stood earlier; their number where there is none.
template <class... Steps>
consteval std::size_t first_branch_named_twice() {
  constexpr std::string_view names[] = {Steps::name.view()...};
  for (std::size_t place = 1; place < sizeof...(Steps); ++place)
    for (std::size_t before = 0; before < place; ++before)
      if (names[before] == names[place]) return place;
  return sizeof...(Steps);
}

template <fixed_string Name, class In, class... Steps>
consteval auto parallel_problem() {
  using name = the_step<spelled<Name>>;
  if constexpr (std::is_same_v<In, undetermined>)
    return found<parallel_input_not_deducible<name>>{};
  else if constexpr (!has_codec_v<In>)
    return found<children_have_no_codec<name, In, explain_codec<In>>>{};
  else if constexpr (!traits_of<In>.copyable)
    return found<branches_need_a_copy<name, In>>{};
  else if constexpr (constexpr std::size_t twice = first_branch_named_twice<Steps...>(); twice < sizeof...(Steps))
    return found<duplicate_branch_name<name, the_step_in_place<twice + 1>>>{};
  else
    return fine{};
}

template <class In, class Step>
std::shared_ptr<const chain> branch(Step step) {
  const auto one = workflow<Step::name, In>(std::move(step));
  const auto& made = chain_of(one);
  return made ? chain_with_key(*made, &key_of_only_child, nullptr) : nullptr;
}

template <fixed_string Name, class In, class... Steps>
auto make_parallel(Steps... steps) {
  using problem = decltype(parallel_problem<Name, In, Steps...>());
  (void)sizeof(typename problem::problem);
  if constexpr (std::is_same_v<problem, fine>) {
    step_draft draft(Name.view(), step_kind::parallel);
    draft.fan_out({.chains = {branch<In>(std::move(steps))...}, .collects = true});
    using function = parallel_function<In, typename branch_value<In, Steps>::type...>;
    return step_of<Name, step_kind::parallel, function>(function{}, std::move(draft));
  } else {
    return step_of<Name, step_kind::parallel, undetermined>({});
  }
}

}  // namespace detail

/// A step that gives a copy of what arrives to each of `steps`, which run at the same time, and passes on what they
/// return as one std::tuple in the order in which they are written: std::monostate for one that returns nothing.
///
/// Each branch has its own checkpoint, retries, time-out and limits: what one has done is not done again because another
/// one failed, or because the process died. A branch that fails (its retries used up) fails the item with its reason
/// when the others have ended, and the next run does that branch again; one that skips skips the item. In the state a
/// branch is an item of a workflow of its own, PARENT/NAME/STEP, that is called like the item.
///
/// What arrives is told by the first step whose parameter tells it, or written: parallel<"enrich", order>(...). It needs
/// a codec and a copy constructor. A branch may be any step with a name and one input: pawl::step, pure, transactional, loop, batch,
/// each. pawl::item of a branch is what arrives here; it cannot ask for results by pawl::from.
///
/// Needs an engine with threads::workers; each branch has workers, and a window, of its own.
template <detail::fixed_string Name, class In = detail::undetermined, class... Steps>
[[nodiscard]] auto parallel(Steps... steps) {
  using namespace detail;
  if constexpr (sizeof...(Steps) < 2 || !(is_step<Steps> && ...)) {
    (void)sizeof(parallel_takes_steps<the_step<spelled<Name>>, Steps...>);
    return step_of<Name, step_kind::parallel, undetermined>({});
  } else {
    return make_parallel<Name, typename arrives_at_branches<In, Steps...>::type>(std::move(steps)...);
  }
}

}  // namespace pawl
