// The function of a batch: what its signature says of one entry, and the one
// function per batch that calls it. A chain sees it as a step that takes one entry.
#pragma once

#include <pawl/context.hpp>
#include <pawl/detail/call.hpp>
#include <pawl/detail/erased.hpp>
#include <pawl/detail/parameter.hpp>
#include <pawl/detail/signature.hpp>

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

namespace pawl {
template <class T, class... Beside>
class batch_view;
}  // namespace pawl

namespace pawl::detail {

/// What the function takes: a batch_view, and perhaps the context.
template <class Parameters>
struct batch_parameters {
  static constexpr bool exists = false;
};
template <class V>
struct batch_view_parameter {
  static constexpr bool exists = false;
};
template <class T, class... Beside>
struct batch_view_parameter<batch_view<T, Beside...>> {
  static constexpr bool exists = true;
  using view = batch_view<T, Beside...>;
  using value = T;
  using of_an_entry = types<const T&, Beside...>;
};
template <class V>
requires std::is_convertible_v<const std::remove_cvref_t<V>&, V>
struct batch_parameters<types<V>> : batch_view_parameter<std::remove_cvref_t<V>> {
  static constexpr bool with_context = false;
};
template <class V>
requires std::is_convertible_v<const std::remove_cvref_t<V>&, V>
struct batch_parameters<types<V, context&>> : batch_view_parameter<std::remove_cvref_t<V>> {
  static constexpr bool with_context = true;
};

/// What it returns, for one entry.
template <class R>
struct batch_result {
  static constexpr bool exists = std::is_void_v<R>;
  using of_an_entry = void;
};
template <class R, class Allocator>
struct batch_result<std::vector<R, Allocator>> {
  static constexpr bool exists = true;
  using of_an_entry = R;
};

template <class R, bool ThroughConst, class Parameters>
struct signature_of_entry;
template <class R, bool ThroughConst, class... P>
struct signature_of_entry<R, ThroughConst, types<P...>> : fixed_signature<R, ThroughConst, P...> {};

template <class F>
class batch_function {
  using signature = signature_of<F>;
  using parameters = batch_parameters<typename signature::parameters>;
  using result = typename batch_result<typename signature::result>::of_an_entry;

public:
  using as_a_step = signature_of_entry<result, signature::through_const, typename parameters::of_an_entry>;

  explicit batch_function(F what) : function_(std::move(what)) {}

  template <class... A>
  requires callable<const F, A...>
  decltype(auto) operator()(A&&... arguments) const { return function_(std::forward<A>(arguments)...); }

  /// erased_step::call_batch.
  static std::size_t call(const void* self, batch_call& call) {
    const F& function = static_cast<const batch_function*>(self)->function_;
    const typename parameters::view entries(call);
    const auto ask = [&] {
      if constexpr (parameters::with_context)
        return function(entries, call.ctx);
      else
        return function(entries);
    };
    if constexpr (std::is_void_v<result>) {
      ask();
    } else {
      auto said = ask();
      if (said.size() != call.size) return said.size();
      for (; call.filled != call.size; ++call.filled) {
        call_frame& frame = *call.frames[call.filled];
        if constexpr (is_outcome<result>)
          call.kinds[call.filled] = take_outcome(frame, said[call.filled]);
        else
          ::new (frame.out) result(std::move(said[call.filled]));
      }
    }
    return call.size;
  }

private:
  F function_;
};

template <class F>
struct signature_of<batch_function<F>> : batch_function<F>::as_a_step {};

}  // namespace pawl::detail
