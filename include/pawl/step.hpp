// The steps that a workflow is made of: a function, its name, its options.
//
// Nothing is checked against neighbours here; workflow.hpp does that, where they are known.
#pragma once

#include <pawl/context.hpp>
#include <pawl/detail/call.hpp>
#include <pawl/detail/diagnostics.hpp>
#include <pawl/detail/fixed_string.hpp>
#include <pawl/detail/migrate.hpp>
#include <pawl/detail/step_draft.hpp>
#include <pawl/detail/type_name.hpp>
#include <pawl/item.hpp>
#include <pawl/options.hpp>
#include <pawl/outcome.hpp>
#include <pawl/table.hpp>

#include <concepts>
#include <cstdint>
#include <exception>
#include <type_traits>
#include <utility>

namespace pawl {

/// For `.concurrency(pawl::serial)`: one call at a time.
inline constexpr std::int64_t serial = 1;

namespace detail {

/// A member function and the object that it is called on, as one function with a fixed signature.
template <class Member, class Pointer, class R, class Parameters>
struct bound_member;
template <class Member, class Pointer, class R, class... A>
struct bound_member<Member, Pointer, R, types<A...>> {
  Member member;
  Pointer object;
  R operator()(A... arguments) const { return ((*object).*member)(static_cast<A&&>(arguments)...); }
};

template <class Member, class Pointer, class R, class... A>
consteval bool can_bind(types<A...>) {
  return requires(const Member& member, const Pointer& object, A&&... a) {
    { ((*object).*member)(static_cast<A&&>(a)...) } -> std::same_as<R>;
  };
}

template <class E>
bool is_exception(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const E&) {
    return true;
  } catch (...) {
    return false;
  }
}

template <class E>
void check_exception_type() {
  if constexpr (!std::is_object_v<E> || std::is_const_v<E> || std::is_volatile_v<E> || std::is_pointer_v<E> ||
                std::is_array_v<E>)
    (void)sizeof(not_an_exception_type<E>);
}

}  // namespace detail

/// A named function that takes an item one step further. Made by pawl::step and pawl::pure.
///
/// The function is called for several items from several threads at once unless
/// `.concurrency(pawl::serial)`, always through const. What it captures by reference
/// must outlive every run of a workflow made of it.
///
/// It fails by throwing anything, skips its item by `throw pawl::skip_item("why")`, or
/// says either by returning a pawl::outcome<T>.
///
/// Modifiers take the step by && and give it back: write them where the step is made.
/// They throw pawl::error(bad_argument) for values that make no sense.
/// `Migration` tells the types of its `.migrate` functions.
template <detail::fixed_string Name, step_kind Kind, class F, class... Migration>
class [[nodiscard]] step_of {
public:
  using function_type = F;
  using migrations = detail::types<Migration...>;
  static constexpr auto name = Name;
  static constexpr step_kind kind = Kind;

  explicit step_of(F what) : function_(std::move(what)), draft_(Name.view(), Kind) {}
  /// For .migrate, .collect, pawl::loop, pawl::batch and pawl::each.
  step_of(F what, detail::step_draft draft) : function_(std::move(what)), draft_(std::move(draft)) {}

  /// Calls the function as it is, with whatever it takes: this is how a step is tested alone.
  template <class... A>
  requires detail::callable<const F, A...>
  decltype(auto) operator()(A&&... arguments) const { return function_(std::forward<A>(arguments)...); }

  /// Call the step again when it throws what no .retry_on takes. Without it: one attempt.
  [[nodiscard]] step_of retry(const retry_options& options) && {
    draft_.retry(options);
    return std::move(*this);
  }
  /// The same for exceptions of type E (or derived from it) only. Of several the first that matches counts.
  template <class E>
  [[nodiscard]] step_of retry_on(const retry_options& options) && {
    detail::check_exception_type<E>();
    draft_.retry_on(&detail::is_exception<E>, detail::type_name<E>, options);
    return std::move(*this);
  }
  /// An item whose step throws an E is skipped instead of failed, for the first `limit` items of a run.
  /// Goes before any retry.
  template <class E>
  [[nodiscard]] step_of skip_on(std::int64_t limit) && {
    detail::check_exception_type<E>();
    draft_.skip_on(&detail::is_exception<E>, detail::type_name<E>, limit);
    return std::move(*this);
  }
  /// After this long the stop token of the call is requested, and if the call then throws pawl::step_stopped
  /// the attempt has failed. Cooperative: a step that never looks at its token is never interrupted.
  [[nodiscard]] step_of timeout(seconds limit) && {
    draft_.timeout(limit);
    return std::move(*this);
  }
  /// Part of the step's identity: raise it when the function changed so that old results are no longer right.
  [[nodiscard]] step_of version(std::uint32_t number) && {
    draft_.version(number);
    return std::move(*this);
  }
  /// What an older version of the step returned is made into what this one returns: `[](const Old&) -> New`, where
  /// New is the step's result. An item that was recorded under a lower version, with a result whose schema is Old's,
  /// then goes on with New instead of doing the step again: migrated, it is the same step. Beside a .version() above
  /// 0; any number of them, each for an Old of another schema, none of them the result's own.
  ///
  /// Called when such an item is taken up (again where that run ended before the item's next step was recorded), and
  /// by engine::result, from any thread, through const: it should depend on its argument alone. What is stored is
  /// left as it is. If it throws, the item fails with the reason, and the next run calls it again.
  template <class M>
  [[nodiscard]] auto migrate(M make) && {
    using problem = decltype(detail::migration_problem<this_step, M, Migration...>());
    (void)sizeof(typename problem::problem);
    if constexpr (std::is_same_v<problem, detail::fine>) {
      using told = typename detail::migration_of<M>::type;
      draft_.migrate(detail::make_migration<typename told::old_type, typename told::new_type>(
          std::move(make), typename detail::signature_of<M>::parameters{}));
      return step_of<Name, Kind, F, Migration..., told>(std::move(function_), std::move(draft_));
    } else {
      return std::move(*this);
    }
  }
  /// The step is called at most once for an item: that it starts is made durable before it is called, which costs an
  /// item one more wait for the disk. Where the process ends before the end of the call is recorded, nobody can know
  /// whether it took effect: the next run fails the item with "outcome unknown", and it stays failed until somebody
  /// reopens it (engine::retry, `pawl retry`), which calls it again. If the call throws, the item fails and stays so
  /// likewise: .retry and .retry_on are refused beside it. So that a crash leaves few items in doubt, at most 16 are
  /// between start and end at the same time, or as many as .concurrency says. A stop does not come between start and call. Under
  /// durability::process a power loss may take back the record of a start, and the step may then be called again.
  [[nodiscard]] step_of at_most_once() && {
    if constexpr (Kind != step_kind::effect) (void)sizeof(detail::at_most_once_on_another_kind<this_step>);
    draft_.at_most_once();
    return std::move(*this);
  }
  /// Declares that a repeated effect does no harm (it overwrites, or its receiver knows the idempotency key). Changes
  /// nothing that the engine does: workflow_of::describe tells it to whoever reads the chain. Not for pure steps.
  [[nodiscard]] step_of idempotent() && {
    if constexpr (Kind == step_kind::pure) (void)sizeof(detail::idempotent_on_pure<this_step>);
    draft_.idempotent();
    return std::move(*this);
  }
  /// At most so many calls at the same time; pawl::serial for one. Without it: as many as there are workers.
  [[nodiscard]] step_of concurrency(std::int64_t limit) && {
    draft_.concurrency(limit);
    return std::move(*this);
  }
  /// At most `calls` calls begin in any interval of length `per`, retries included: `.rate_limit({.calls = 100,
  /// .per = 1s})`. Exact, not a mean: the times of the last `calls` calls are remembered, and another one begins when
  /// the oldest of them is `per` ago. So a burst of `calls` may begin at once, and then nothing until the first is
  /// `per` old; for evenly spread calls write {.calls = 1, .per = 10ms}. Counted in this process, over all workers,
  /// from the start of each run: two runs, or two programs, do not know of each other.
  ///
  /// Items that wait hold no thread, and nothing is recorded of their waiting; they keep their place in the window. A
  /// time-out begins with the call. Not for pure steps and batches.
  [[nodiscard]] step_of rate_limit(const rate_options& options) && {
    if constexpr (Kind == step_kind::pure) (void)sizeof(detail::rate_limit_on_pure<this_step>);
    if constexpr (Kind == step_kind::batch) (void)sizeof(detail::rate_limit_on_batch<this_step>);
    draft_.rate_limit(options);
    return std::move(*this);
  }
  /// Keep the result stored beside the results of later steps. Not for a step that returns void.
  [[nodiscard]] step_of keep() && {
    draft_.keep();
    return std::move(*this);
  }
  /// Do not keep the result once the item is done. For the last step of a workflow only.
  [[nodiscard]] step_of discard() && {
    draft_.discard();
    return std::move(*this);
  }

  // Of a pawl::each (each.hpp):
  /// A child that fails is counted (pawl::children) and does not fail its parent.
  [[nodiscard]] step_of count_failures() && {
    if constexpr (Kind != step_kind::each) (void)sizeof(detail::modifier_of_an_each<this_step>);
    draft_.count_failures();
    return std::move(*this);
  }
  /// Declares that the source gives the same keys whenever it is called with the same value. Children then run as they
  /// come; without it none starts before all are recorded.
  [[nodiscard]] step_of reproducible() && {
    if constexpr (Kind != step_kind::each) (void)sizeof(detail::modifier_of_an_each<this_step>);
    draft_.reproducible();
    return std::move(*this);
  }
  /// The result is a std::vector of what the children return, in the order of the source, instead of their number. All
  /// of it lies in memory, and is recorded as one value. A child without a result (skipped, or failed and counted) fails
  /// the parent. Throws pawl::error(bad_argument) where the children's last step returns or keeps nothing.
  [[nodiscard]] auto collect() && {
    if constexpr (Kind != step_kind::each) {
      (void)sizeof(detail::modifier_of_an_each<this_step>);
      return step_of(std::move(*this));
    } else if constexpr (requires { typename F::collecting; }) {
      draft_.collect();
      using collecting = step_of<Name, Kind, typename F::collecting, Migration...>;
      return collecting(typename F::collecting(std::move(function_).take_source()), std::move(draft_));
    } else {
      return step_of(std::move(*this));
    }
  }

  /// For workflow.hpp.
  [[nodiscard]] const F& function() const { return function_; }
  [[nodiscard]] const detail::step_draft& draft() const { return draft_; }

private:
  using this_step = detail::the_step<detail::spelled<Name>>;  // for messages

  F function_;
  detail::step_draft draft_;
};

namespace detail {

template <fixed_string Name, step_kind Kind, class F>
step_of<Name, Kind, F> make_step(F function) {
  if constexpr (std::is_member_pointer_v<F>) (void)sizeof(member_without_object<the_step<spelled<Name>>, F>);
  return step_of<Name, Kind, F>(std::move(function));
}

template <fixed_string Name, step_kind Kind, class Member, class Pointer>
auto make_step(Member member, Pointer object) {
  using signature = signature_of<Member>;
  using result = typename signature::result;
  using parameters = typename signature::parameters;
  if constexpr (can_bind<Member, Pointer, result>(parameters{})) {
    using function = bound_member<Member, Pointer, result, parameters>;
    return step_of<Name, Kind, function>({member, std::move(object)});
  } else {
    (void)sizeof(object_is_no_pointer<the_step<spelled<Name>>, Pointer>);
    return step_of<Name, Kind, undetermined>({});
  }
}

}  // namespace detail

/// A step that may touch the outside world. It starts only when everything that its
/// item did before is durable, and may be called again after a crash: at least once.
///
/// `function` is callable with `const T&`, T or T&& (it may then move from it), or a
/// view of T, where T is what arrives; and with pawl::item, pawl::from and
/// pawl::context& beside it. What it returns arrives at the next step and needs a
/// codec; void passes on what arrived. Nothing is converted, so nothing is narrowed;
/// a function without one fixed signature (overloads, a generic lambda) is called
/// as C++ calls it.
template <detail::fixed_string Name, class F>
[[nodiscard]] auto step(F function) {
  return detail::make_step<Name, step_kind::effect>(std::move(function));
}
/// A member function: `step<"parse">(&parser::parse, &p)`. `object` is a pointer, also a smart one.
template <detail::fixed_string Name, class Member, class Pointer>
requires std::is_member_function_pointer_v<Member>
[[nodiscard]] auto step(Member member, Pointer object) {
  return detail::make_step<Name, step_kind::effect>(member, std::move(object));
}

/// A step that touches nothing outside: only its result counts. It never waits for
/// the disk, and after a crash it may be called again at no harm.
template <detail::fixed_string Name, class F>
[[nodiscard]] auto pure(F function) {
  return detail::make_step<Name, step_kind::pure>(std::move(function));
}
template <detail::fixed_string Name, class Member, class Pointer>
requires std::is_member_function_pointer_v<Member>
[[nodiscard]] auto pure(Member member, Pointer object) {
  return detail::make_step<Name, step_kind::pure>(member, std::move(object));
}

/// A step that reads and writes tables of the state (table.hpp), exactly once for each item: its writes and its
/// checkpoint are one transaction, which a crash leaves out or takes in as a whole.
///
/// `function` takes pawl::transaction& beside what a step takes. It does no I/O and has no effect but by the
/// transaction: it is called again after a crash, a failed commit, or a stop, and then what it wrote before is not
/// there. What it throws undoes its own writes and is treated as of any step; the other items' writes stay. Functions
/// are called one at a time, on some worker, in no promised order; thousands of items share one commit, so a slow one
/// delays them all: no waiting, no run of this engine, no .timeout, no .concurrency in it. Reads see what items
/// before it wrote, also those that are not committed yet, which are committed together with it or not at all.
/// When the item is past this step, its writes are durable, also in durability::process.
template <detail::fixed_string Name, class F>
[[nodiscard]] auto transactional(F function) {
  return detail::make_step<Name, step_kind::transactional>(std::move(function));
}
template <detail::fixed_string Name, class Member, class Pointer>
requires std::is_member_function_pointer_v<Member>
[[nodiscard]] auto transactional(Member member, Pointer object) {
  return detail::make_step<Name, step_kind::transactional>(member, std::move(object));
}

}  // namespace pawl
