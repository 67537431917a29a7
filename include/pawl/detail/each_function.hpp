// The function of an each: what its source gives, held until the children have
// taken it, and what becomes of their ends. A chain sees it as a step that takes
// what the source takes and returns the children counted, or their results.
#pragma once

#include <pawl/children.hpp>
#include <pawl/detail/call.hpp>
#include <pawl/detail/erased.hpp>
#include <pawl/detail/signature.hpp>
#include <pawl/detail/source.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace pawl::detail {

/// A function that is one generator by itself: `[...]() -> std::optional<T>`.
template <class Given>
concept gives_optional = requires(Given & given) {
  given();
  requires is_optional<std::remove_cvref_t<decltype(given())>>;
};
template <class Given>
inline constexpr bool gives_children = is_generator<Given> || gives_optional<Given> || range_access::range<Given>;

template <class Given>
struct held_as {
  using type = Given;
};
template <class Given>
requires(!is_generator<Given> && gives_optional<Given>) struct held_as<Given> {
  using type = generator<Given>;
};

/// What a source function returned, as the engine sees it.
template <class In, class Given>
class held_children final : public child_source {
  using held = typename held_as<Given>::type;
  using source = typename decltype(choose_source<In, held>())::type;

public:
  explicit held_children(Given&& given) : held_(hold(std::move(given))), from_(held_) {}
  bool next(void* storage) override { return source::next(&from_, storage); }

private:
  static held hold(Given&& given) {
    if constexpr (std::is_same_v<held, Given>)
      return std::move(given);
    else
      return {std::move(given), std::nullopt};
  }

  held held_;
  source from_;
};

template <class R, bool ThroughConst, class Parameters>
struct signature_of_fan;
template <class R, bool ThroughConst, class... P>
struct signature_of_fan<R, ThroughConst, types<P...>> : fixed_signature<R, ThroughConst, P...> {};

/// F: the source. In, Out: of the workflow of the children.
template <class F, class In, class Out, bool Collects>
class each_function {
  using signature = signature_of<F>;
  using result = std::conditional_t<Collects, std::vector<Out>, children>;

public:
  using collecting = each_function<F, In, Out, true>;
  using as_a_step = signature_of_fan<result, signature::through_const, typename signature::parameters>;

  explicit each_function(F source) : source_(std::move(source)) {}

  /// Called alone, a step is its source.
  template <class... A>
  requires callable<const F, A...>
  decltype(auto) operator()(A&&... arguments) const { return source_(std::forward<A>(arguments)...); }

  [[nodiscard]] F take_source() && { return std::move(source_); }

  /// erased_step::call, twice (fan_call).
  template <class... Argument>
  static outcome_kind call(const void* self, call_frame& frame) {
    fan_call& fan = *frame.fan;
    if (fan.ended == nullptr) {
      const F& source = static_cast<const each_function*>(self)->source_;
      using given = std::remove_cvref_t<typename signature::result>;
      fan.sources.push_back(std::make_unique<held_children<In, given>>(given(source(Argument::get(frame)...))));
    } else if constexpr (Collects) {
      std::vector<Out> all;
      all.reserve(fan.results->size());
      for (void* const one : *fan.results) all.push_back(std::move(*static_cast<Out*>(one)));
      ::new (frame.out) std::vector<Out>(std::move(all));
    } else {
      ::new (frame.out) children(*fan.ended);
    }
    return outcome_kind::value;
  }

private:
  F source_;
};

template <class F, class In, class Out, bool Collects>
struct signature_of<each_function<F, In, Out, Collects>> : each_function<F, In, Out, Collects>::as_a_step {};

}  // namespace pawl::detail
