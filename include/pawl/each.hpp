// A step that fans out: what its source gives becomes child items with steps, keys
// and checkpoints of their own, and the item goes on when all of them have ended.
//
//   auto row = pawl::workflow<"row">(pawl::pure<"parse">(parse), pawl::step<"store">(store)).key(&line::number);
//   auto import = pawl::workflow<"import">(
//       pawl::each<"rows">([](const std::filesystem::path& csv) { return pawl::generate(lines_of(csv)); }, row),
//       pawl::step<"report">([](const pawl::children& rows) { return rows.done; }));
//
// How children are recorded, run and counted is compiled: engine/run/fan.hpp.
#pragma once

#include <pawl/children.hpp>
#include <pawl/codec.hpp>
#include <pawl/detail/diagnostics.hpp>
#include <pawl/detail/each_function.hpp>
#include <pawl/detail/explain.hpp>
#include <pawl/source.hpp>
#include <pawl/step.hpp>
#include <pawl/workflow.hpp>

#include <type_traits>
#include <utility>

namespace pawl {
namespace detail {

template <fixed_string Name, class In, class Given>
consteval auto each_elements_problem() {
  using name = the_step<spelled<Name>>;
  if constexpr (!gives_children<Given>) {
    return found<each_source_gives_nothing<name, returns<Given>>>{};
  } else {
    using chosen = decltype(choose_source<In, typename held_as<Given>::type>());
    if constexpr (!std::is_same_v<typename chosen::problem, fine>)
      return found<each_source_does_not_fit<name, gives<Given>, which_takes<In>>>{};
    else
      return fine{};
  }
}

/// What is wrong with the source F of children that take an In.
template <fixed_string Name, class In, class F>
consteval auto each_problem() {
  using name = the_step<spelled<Name>>;
  if constexpr (std::is_same_v<In, undetermined>)
    return fine{};  // told where the children's workflow was made
  else if constexpr (std::is_member_pointer_v<F>)
    return found<member_without_object<name, F>>{};
  else if constexpr (!signature_of<F>::exists)
    return found<each_source_is_generic<name, F>>{};
  else if constexpr (!has_codec_v<In>)
    return found<children_have_no_codec<name, In, explain_codec<In>>>{};
  else
    return each_elements_problem<Name, In, std::remove_cvref_t<typename signature_of<F>::result>>();
}

template <fixed_string Name, class F, class In, class Out>
auto make_each(F source, const workflow_of<In, Out>& children) {
  using problem = decltype(each_problem<Name, In, F>());
  (void)sizeof(typename problem::problem);
  if constexpr (std::is_same_v<problem, fine> && !std::is_same_v<In, undetermined>) {
    step_draft draft(Name.view(), step_kind::each);
    draft.fan_out({.chains = {chain_of(children)}});
    using function = each_function<F, In, Out, false>;
    return step_of<Name, step_kind::each, function>(function(std::move(source)), std::move(draft));
  } else {
    return step_of<Name, step_kind::each, undetermined>({});
  }
}

template <class T>
inline constexpr bool is_workflow = false;
template <class In, class Out>
inline constexpr bool is_workflow<workflow_of<In, Out>> = true;

template <fixed_string Name, class F, class T>
auto make_each(F, const T&) requires(!is_workflow<T>) {
  (void)sizeof(each_takes_no_workflow<the_step<spelled<Name>>, T>);
  return step_of<Name, step_kind::each, undetermined>({});
}

}  // namespace detail

/// A step that makes child items of what `source` gives, takes each through the steps of `children`, and passes on what
/// came of them, counted (pawl::children), or with `.collect()` as a vector of what they returned.
///
/// `source` takes what a step takes (but consumes nothing, and has one fixed signature) and returns the children's
/// inputs: a std::vector or another range, by value; pawl::generate(f); or such an f itself, a function without
/// parameters that returns std::optional, empty at the end. A generator is called as children are admitted, by one thread
/// at a time, which may be another one than called the source; it may refer to the value that the source was called with
/// (by reference), to nothing else of the call. The inputs need a codec.
///
/// Children belong to a workflow of their own in the state, called PARENT/STEP ("import/rows"; the name that `children`
/// was given plays no part), and are counted, listed, retried and skipped there. Their keys are scoped by the parent's:
/// they read as PARENT/CHILD, "7/12", and pawl::context::key() in a child's step is the child's own part. A key together
/// with its parents' has at most some 470 bytes; one that comes twice from one call of the source fails the parent. A
/// child may itself have a pawl::each.
///
/// Nothing of the children is kept in memory beyond the window: a parent can have millions. The parent holds no thread
/// while they run, and is recorded again when all have ended. None starts before all are recorded, unless the step is
/// `.reproducible()`: so a source that is not, such as a listing of a directory, cannot leave effects behind for children
/// that it does not give any more. At most 16 sources are open at the same time (`.concurrency`).
///
/// After a crash, a stop, or a failure the source is called again, and keys decide: a child that is done stays done,
/// whatever its input is now; any other goes on where it was, with the input that is recorded; a failed one is
/// tried again as run_options::on_failed says. One that is recorded and does not come any more is not run: it is counted
/// as vanished, and logged. What begins the parent anew (a rerun, a changed input) makes new children.
///
/// A failed child fails its parent when all the others have ended, with how many failed and the first reason; with
/// `.count_failures()` it is only counted. A skipped child is counted. `.retry` and its like concern the source: what it
/// throws, also as a generator after a million children. `.timeout` is refused.
///
/// Needs an engine with threads::workers; children have workers, and a window, of their own.
template <detail::fixed_string Name, class F, class Workflow>
[[nodiscard]] auto each(F source, const Workflow& children) {
  return detail::make_each<Name>(std::move(source), children);
}

}  // namespace pawl
