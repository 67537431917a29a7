// What `.migrate(function)` says about types: Old from the function's parameter, New
// from what it returns; and the one function for each that calls it.
#pragma once

#include <pawl/codec.hpp>
#include <pawl/detail/diagnostics.hpp>
#include <pawl/detail/erased.hpp>
#include <pawl/detail/parameter.hpp>
#include <pawl/detail/signature.hpp>
#include <pawl/detail/value_type.hpp>

#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace pawl::detail {

/// Stands in the type of a step for each of its migrations.
template <class Old, class New>
struct migrates {
  using old_type = Old;
  using new_type = New;
};

/// The migration that F is, where its signature tells one.
template <class Parameters, class R>
struct told_migration {
  static constexpr bool exists = false;
};
template <class P, class R>
requires(!std::is_void_v<R> && (!std::is_lvalue_reference_v<P> || std::is_const_v<std::remove_reference_t<P>>))
struct told_migration<types<P>, R> {
  static constexpr bool exists = true;
  using type = migrates<std::remove_cvref_t<P>, std::remove_cvref_t<R>>;
};
template <class F, class Signature = signature_of<F>, bool Usable = Signature::exists&& Signature::through_const>
struct migration_of : told_migration<types<>, void> {};
template <class F, class Signature>
struct migration_of<F, Signature, true>
    : told_migration<typename Signature::parameters, typename Signature::result> {};

template <class F, class P, class Old, class New>
void apply_migration(const void* self, void* to, void* from) {
  const F& function = *static_cast<const F*>(self);
  Old& old = *static_cast<Old*>(from);
  if constexpr (std::is_lvalue_reference_v<P>)
    ::new (to) New(function(std::as_const(old)));
  else
    ::new (to) New(function(std::move(old)));
}

template <class Old, class New, class F, class P>
migration make_migration(F function, types<P>) {
  return {&value_type_of<Old>(), std::make_shared<const F>(std::move(function)), &apply_migration<F, P, Old, New>};
}

/// What is wrong with another migration, of a step that has those already.
template <class Step, class F, class... Migration>
consteval auto migration_problem() {
  if constexpr (!migration_of<F>::exists) {
    return found<migration_tells_no_type<Step, F>>{};
  } else {
    using old = typename migration_of<F>::type::old_type;
    if constexpr (!has_codec_v<old>)
      return found<migration_from_no_record<Step, old>>{};
    else if constexpr ((std::is_same_v<old, typename Migration::old_type> || ...))
      return found<duplicate_migration<Step, old>>{};
    else
      return fine{};
  }
}

/// What is wrong with the migrations of a step whose result is an R (void where it returns nothing).
template <class Step, class R>
consteval auto migrated_result_problem(types<>) {
  return fine{};
}
template <class Step, class R, class First, class... More>
consteval auto migrated_result_problem(types<First, More...>) {
  if constexpr (std::is_same_v<R, typename First::new_type> || std::is_same_v<R, undetermined>)
    return migrated_result_problem<Step, R>(types<More...>{});
  else
    return found<migration_gives_another_type<Step, gives<typename First::new_type>, returns<R>>>{};
}

}  // namespace pawl::detail
