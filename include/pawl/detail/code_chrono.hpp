// Durations and time points: the count, with its period (and clock) in the schema.
#pragma once

#include <pawl/detail/coder.hpp>

#include <chrono>

namespace pawl::detail {

template <class Value, class R, class P>
struct code_count {
  static constexpr std::size_t min_size = sizeof(R);
  static constexpr bool bulk = coder<R>::bulk && sizeof(Value) == sizeof(R) && std::is_trivially_copyable_v<Value>;
  static constexpr type_desc describe_as(schema_kind kind) {
    using period = typename P::type;  // reduced
    return {.kind = kind, .a = period::num, .b = period::den, .count = 1, .children = descs<R>};
  }
  static constexpr traits ask(const visited* around) {
    traits own = own_traits<Value>();
    if constexpr (std::is_arithmetic_v<R> && !std::is_same_v<R, bool> && !std::is_same_v<R, char>)
      return own & coder<R>::ask(around);
    own.why = refusal::foreign_clock;
    return own;
  }
};

template <class R, class P>
struct built_in<std::chrono::duration<R, P>> : code_count<std::chrono::duration<R, P>, R, P> {
  using duration = std::chrono::duration<R, P>;
  static void encode(const duration& value, encoder& out) { put<R>(value.count(), out); }
  static duration decode(decoder& in) { return duration(get<R>(in)); }
  static constexpr type_desc describe() { return code_count<duration, R, P>::describe_as(schema_kind::duration); }
};

template <class Clock>
inline constexpr schema_kind kind_of_clock = schema_kind::up;  // no such kind
template <>
inline constexpr schema_kind kind_of_clock<std::chrono::system_clock> = schema_kind::time;
template <>
inline constexpr schema_kind kind_of_clock<std::chrono::local_t> = schema_kind::local_time;
template <>
inline constexpr schema_kind kind_of_clock<std::chrono::file_clock> = schema_kind::file_time;

template <class Clock, class R, class P>
struct built_in<std::chrono::time_point<Clock, std::chrono::duration<R, P>>>
    : code_count<std::chrono::time_point<Clock, std::chrono::duration<R, P>>, R, P> {
  using duration = std::chrono::duration<R, P>;
  using time_point = std::chrono::time_point<Clock, duration>;
  using base = code_count<time_point, R, P>;
  static void encode(const time_point& value, encoder& out) { put<R>(value.time_since_epoch().count(), out); }
  static time_point decode(decoder& in) { return time_point(duration(get<R>(in))); }
  static constexpr type_desc describe() { return base::describe_as(kind_of_clock<Clock>); }
  static constexpr traits ask(const visited* around) {
    traits own = base::ask(around);
    if (std::is_same_v<Clock, std::chrono::steady_clock>)
      own.why = refusal::steady_time;
    else if (kind_of_clock<Clock> == schema_kind::up)
      own.why = refusal::foreign_clock;
    return own;
  }
};

}  // namespace pawl::detail
