// A workflow: a named, typed chain of steps. Start here to declare one.
//
//   auto crawl = pawl::workflow<"crawl">(
//       pawl::step<"read">([&](const std::string& url) { return fetch(url); }),
//       pawl::pure<"transform">([](const page& p) { return parse(p); }),
//       pawl::step<"write">([&](const record& r) { db.upsert(r); }));
//
// What does not fit stops the compiler with one sentence. Nothing runs here: an
// engine (engine.hpp) does that.
#pragma once

#include <pawl/codec.hpp>
#include <pawl/describe.hpp>
#include <pawl/detail/chain_draft.hpp>
#include <pawl/detail/chain_layout.hpp>
#include <pawl/detail/key.hpp>
#include <pawl/options.hpp>
#include <pawl/step.hpp>

#include <boost/hana/tuple.hpp>
#include <boost/hana/unpack.hpp>
#include <cstddef>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

namespace pawl {

namespace detail {
struct workflow_access;
}

/// What pawl::workflow makes: takes an In through its steps; Out is the last value that
/// passes on. A regular value, cheap to copy: copies share the steps. Immutable, so any
/// thread may use it. An engine holds a reference while items run; what the steps'
/// functions captured by reference must outlive that.
template <class In, class Out>
class workflow_of {
public:
  using input_type = In;
  using output_type = Out;

  [[nodiscard]] std::string_view name() const { return chain_->name; }

  /// The same workflow with items called by what `projection` returns for `const In&`: text, a path, an integer
  /// or an enum; a member pointer will do (`&order::id`). Without it strings and integers are their own key.
  /// Typed: the integer 1 and the text "1" are two keys. Called once for each element of a source, through
  /// const, by one thread at a time; if it throws, the run stops with pawl::error(key_failed).
  template <class Projection>
  [[nodiscard]] workflow_of key(Projection projection) const {
    using problem = decltype(detail::key_problem<In, Projection>());
    (void)sizeof(typename problem::problem);
    if constexpr (std::is_same_v<problem, detail::fine>)
      return workflow_of(detail::chain_with_key(*chain_, &detail::projected_key<In, Projection>,
                                                std::make_shared<const Projection>(std::move(projection))));
    else
      return *this;
  }

  /// The same workflow, whose done items are removed from the state by age and count (retain_options; not recorded with the
  /// chain). When: at the end of each run() and resume() that was not stopped, and of a session at close(), once a
  /// sixteenth more than that has gathered; or at any time by engine::prune, to the letter. A removed item is forgotten: a
  /// source that gives its key again gets it done again. Throws pawl::error(bad_argument) where neither limit is set or
  /// done_for is out of range.
  [[nodiscard]] workflow_of retain(const retain_options& limits) const {
    return workflow_of(detail::chain_with_retention(*chain_, limits));
  }

  /// The chain in words: each step with its guarantee, version, result and options. Print it, or to_json it.
  [[nodiscard]] description describe() const { return detail::describe_chain(*chain_); }

private:
  friend detail::workflow_access;
  explicit workflow_of(std::shared_ptr<const detail::chain> chain) : chain_(std::move(chain)) {}

  std::shared_ptr<const detail::chain> chain_;
};

namespace detail {

struct workflow_access {
  template <class In, class Out>
  static const std::shared_ptr<const chain>& chain_of(const workflow_of<In, Out>& workflow) {
    return workflow.chain_;
  }
  template <class Workflow>
  static Workflow make(std::shared_ptr<const chain> chain) {
    return Workflow(std::move(chain));
  }
};

/// What the engine runs. Never null.
template <class In, class Out>
const std::shared_ptr<const chain>& chain_of(const workflow_of<In, Out>& workflow) {
  return workflow_access::chain_of(workflow);
}

template <class T>
inline constexpr bool is_step = false;
template <fixed_string Name, step_kind Kind, class F, class... Migration>
inline constexpr bool is_step<step_of<Name, Kind, F, Migration...>> = true;

/// The first argument that is no step, for the message.
template <std::size_t Place, class First, class... More>
consteval auto no_step_among() {
  if constexpr (is_step<First>)
    return no_step_among<Place + 1, More...>();
  else
    return found<not_a_step<the_step_in_place<Place>, First>>{};
}

template <fixed_string Name, class Layout>
consteval auto names_problem() {
  constexpr std::size_t duplicate = Layout::first_duplicate();
  constexpr std::size_t unnamed = Layout::place_of("");
  constexpr std::size_t slashed = Layout::first_with_slash();
  if constexpr (Name.view().find('/') != std::string_view::npos)
    return found<slash_in_workflow_name<the_workflow<spelled<Name>>>>{};
  else if constexpr (slashed < Layout::count)
    return found<slash_in_step_name<the_step<spelled<Layout::template step_at<slashed>::name>>>>{};
  else if constexpr (unnamed < Layout::count)
    return found<empty_step_name<the_step_in_place<unnamed + 1>>>{};
  else if constexpr (duplicate < Layout::count)
    return found<duplicate_step_name<spelled<Layout::template step_at<duplicate>::name>>>{};
  else
    return fine{};
}

template <fixed_string Name, class In, class FirstStep, class...>
consteval auto input_type_problem() {
  if constexpr (std::is_same_v<In, undetermined>)
    return found<input_not_deducible<the_step<spelled<FirstStep::name>>>>{};
  else if constexpr (!std::is_object_v<In> || std::is_const_v<In> || std::is_volatile_v<In> || std::is_array_v<In>)
    return found<input_is_no_value<the_workflow<spelled<Name>>, In>>{};
  else
    return fine{};
}

/// The type of the input: as written, or as the first step tells.
template <class In, class FirstStep, class...>
struct input_of {
  using type = In;
};
template <class FirstStep, class... More>
struct input_of<undetermined, FirstStep, More...> : input_told_by<typename FirstStep::function_type> {};

template <class In>
input_facts facts_of_input() {
  input_facts facts;
  facts.type = &value_type_of<In>();
  if constexpr (is_own_key<In>) facts.key = &own_key<In>;
  if constexpr (is_own_key<In> && is_key_alone<In>) facts.from_key = &input_from_own_key<In>;
  return facts;
}

/// The one place where the steps, each of its own type, become a table.
template <class Layout, class In, class... Steps>
std::shared_ptr<const chain> to_chain(std::string_view name, Steps... steps) {
  const auto owner = std::make_shared<const boost::hana::tuple<Steps...>>(std::move(steps)...);
  return boost::hana::unpack(*owner, [&](const Steps&... step) {
    static constexpr auto links = Layout::links();
    const step_draft* const drafts[] = {&step.draft()...};
    const void* const selves[] = {static_cast<const void*>(&step.function())...};
    return build_chain(name, facts_of_input<In>(), drafts, selves, links, owner);
  });
}

}  // namespace detail

/// A workflow named `Name` that takes an item through `steps`, in this order; no name has a slash in it. In is told by the first step's
/// parameter or written as the second template argument. Throws pawl::error(bad_argument) where options of a
/// step make no sense in its place; everything else that can be wrong is wrong at compile time.
template <detail::fixed_string Name, class In = detail::undetermined, class... Steps>
[[nodiscard]] auto workflow(Steps... steps) {
  using namespace detail;
  if constexpr (Name.size() == 0) (void)sizeof(empty_workflow_name<types<Steps...>>);
  if constexpr (sizeof...(Steps) == 0) {
    (void)sizeof(empty_chain<the_workflow<spelled<Name>>>);
    return workflow_access::make<workflow_of<In, In>>(nullptr);
  } else if constexpr (!(is_step<Steps> && ...)) {
    (void)sizeof(typename decltype(no_step_among<1, Steps...>())::problem);
    return workflow_access::make<workflow_of<In, undetermined>>(nullptr);
  } else {
    using input = typename input_of<In, Steps...>::type;
    using layout = chain_layout<input, std::make_index_sequence<sizeof...(Steps)>, Steps...>;
    using names = decltype(names_problem<Name, layout>());
    using told = decltype(input_type_problem<Name, input, Steps...>());
    (void)sizeof(typename names::problem);
    (void)sizeof(typename told::problem);
    layout::demand_sound();
    using result = workflow_of<input, typename layout::output>;
    if constexpr (layout::sound && std::is_same_v<names, fine> && std::is_same_v<told, fine>)
      return workflow_access::make<result>(to_chain<layout, input>(Name.view(), std::move(steps)...));
    else
      return workflow_access::make<result>(nullptr);
  }
}

}  // namespace pawl
