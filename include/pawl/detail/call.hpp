// One step's function against the value that arrives at it: which arguments it
// gets, what it returns, and the one function per step that calls it.
//
// The only code stamped out per step. It holds no policy: no catch, no log, no lock.
#pragma once

#include <pawl/detail/erased.hpp>
#include <pawl/detail/parameter.hpp>
#include <pawl/detail/signature.hpp>

#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

namespace pawl::detail {

// How one argument is taken out of a call_frame.
template <class T>
struct read_argument {
  static const T& get(call_frame& frame) { return *static_cast<const T*>(frame.in); }
};
template <class T>
struct consume_argument {
  static T&& get(call_frame& frame) { return static_cast<T&&>(*static_cast<T*>(frame.in)); }
};
template <class T>
struct copy_argument {
  static T get(call_frame& frame) { return *static_cast<const T*>(frame.in); }
};
template <class T, class V>
struct view_argument {
  static V get(call_frame& frame) { return V(*static_cast<const T*>(frame.in)); }
};
struct context_argument {
  static context& get(call_frame& frame) { return frame.ctx; }
};
struct transaction_argument {
  static transaction& get(call_frame& frame) { return *frame.tx; }
};
/// P is item<T> or from<.., T>; Number is that value's number in the frame.
template <class P, std::uint16_t Number>
struct further_argument {
  static P get(call_frame& frame) { return P(*static_cast<const typename P::value_type*>(frame.values[Number])); }
};

template <class T>
inline constexpr bool is_outcome = false;
template <class T>
inline constexpr bool is_outcome<outcome<T>> = true;

/// The value that a return type R stands for: void, or an object type.
template <class R>
struct value_returned {
  using type = std::remove_cv_t<R>;
};
template <class T>
struct value_returned<outcome<T>> {
  using type = T;
};

/// What an outcome says goes into the frame.
template <class T>
outcome_kind take_outcome(call_frame& frame, outcome<T>& said) {
  if (!said.has_value())
    frame.reason = said.reason();
  else if constexpr (!std::is_void_v<T>)
    ::new (frame.out) T(std::move(said.value()));
  return said.kind();
}

/// Calls F with the arguments that `Argument...` take out of the frame.
template <class F, class R, class... Argument>
outcome_kind call(const void* self, call_frame& frame) {
  const F& function = *static_cast<const F*>(self);
  if constexpr (std::is_void_v<R>) {
    function(Argument::get(frame)...);
    return outcome_kind::value;
  } else if constexpr (is_outcome<R>) {
    R said = function(Argument::get(frame)...);
    return take_outcome(frame, said);
  } else {
    ::new (frame.out) std::remove_cv_t<R>(function(Argument::get(frame)...));
    return outcome_kind::value;
  }
}

/// What a function without a fixed signature does when it is called with a T:
/// tried in this order, (in), (in, context&), the same consuming, (in, transaction&), (in, transaction&, context&).
template <class F, class T>
struct tried {
  using result = undetermined;
  using arguments = types<>;
  static constexpr bool accepts = false;
  static constexpr bool consumes = false;
};
template <class R, bool Consumes, class... Argument>
struct accepted {
  using result = R;
  using arguments = types<Argument...>;
  static constexpr bool accepts = true;
  static constexpr bool consumes = Consumes;
};

template <class F, class... A>
concept callable = requires(F& function, A&&... a) {
  function(static_cast<A&&>(a)...);
};
template <class F, class... A>
using result_of_call = decltype(std::declval<F&>()(std::declval<A>()...));

template <class F, class T>
requires callable<const F, const T&>
struct tried<F, T> : accepted<result_of_call<const F, const T&>, false, read_argument<T>> {
};
template <class F, class T>
requires(!callable<const F, const T&> && callable<const F, const T&, context&>) struct tried<F, T>
    : accepted<result_of_call<const F, const T&, context&>, false, read_argument<T>, context_argument> {
};
template <class F, class T>
requires(!callable<const F, const T&> && !callable<const F, const T&, context&> &&
         callable<const F, T>) struct tried<F, T> : accepted<result_of_call<const F, T>, true, consume_argument<T>> {
};
template <class F, class T>
requires(!callable<const F, const T&> && !callable<const F, const T&, context&> && !callable<const F, T> &&
         callable<const F, T, context&>) struct tried<F, T>
    : accepted<result_of_call<const F, T, context&>, true, consume_argument<T>, context_argument> {
};

template <class F, class T>
requires(!callable<const F, const T&> && !callable<const F, const T&, context&> && !callable<const F, T> &&
         !callable<const F, T, context&> && callable<const F, const T&, transaction&>) struct tried<F, T>
    : accepted<result_of_call<const F, const T&, transaction&>, false, read_argument<T>, transaction_argument> {
};
template <class F, class T>
requires(!callable<const F, const T&> && !callable<const F, const T&, context&> && !callable<const F, T> &&
         !callable<const F, T, context&> && !callable<const F, const T&, transaction&> &&
         callable<const F, const T&, transaction&, context&>) struct tried<F, T>
    : accepted<result_of_call<const F, const T&, transaction&, context&>, false, read_argument<T>,
               transaction_argument, context_argument> {
};

}  // namespace pawl::detail
