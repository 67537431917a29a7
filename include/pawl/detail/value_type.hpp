// Fills the seam's table (erased.hpp) for a C++ type: one static object for each
// type. Knows no step.
#pragma once

#include <pawl/codec.hpp>
#include <pawl/detail/erased.hpp>
#include <pawl/detail/type_name.hpp>

#include <algorithm>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace pawl::detail {

/// Constructs at `storage` the only value in `in`; nothing if it throws.
template <has_codec T>
void decode_at(void* storage, decoder& in, const schema* stored) {
  const auto bytes = in.take(in.remaining());
  if (stored == nullptr)
    ::new (storage) T(pawl::decode<T>(bytes));
  else
    ::new (storage) T(pawl::decode<T>(bytes, *stored));
}

/// Equal by ==. Where a value does not even equal itself (a NaN in it), equal by its bytes.
template <class T>
bool same_values(const void* a, const void* b) {
  const T& left = *static_cast<const T*>(a);
  const T& right = *static_cast<const T*>(b);
  if (left == right) return true;
  if (left == left) return false;
  if constexpr (has_codec_v<T>)
    return pawl::encode(left) == pawl::encode(right);
  else
    return true;
}

template <class T>
constexpr value_type make_value_type() {
  value_type made{};
  made.size = sizeof(T);
  made.align = alignof(T);
  made.cpp_name = type_name<T>;
  if constexpr (!std::is_trivially_destructible_v<T>)
    made.destroy = [](void* value) noexcept { std::destroy_at(static_cast<T*>(value)); };
  if constexpr (traits_of<T>.copyable)
    made.copy = [](void* to, const void* from) {
      ::new (to) T(*static_cast<const T*>(from));
      return true;
    };
  if constexpr (std::is_move_constructible_v<T>)
    made.move = [](void* to, void* from) { ::new (to) T(std::move(*static_cast<T*>(from))); };
  if constexpr (traits_of<T>.comparable) made.same = &same_values<T>;
  if constexpr (has_codec_v<T>) {
    made.describe = &schema_of<T>;
    made.encode = [](const void* value, encoder& out) { put<T>(*static_cast<const T*>(value), out); };
    made.decode = &decode_at<T>;
  }
  return made;
}

template <class T>
inline constexpr value_type value_type_object = make_value_type<T>();

/// The table of T, the same object every time. T: an object type without const.
template <class T>
constexpr const value_type& value_type_of() {
  return value_type_object<T>;
}

}  // namespace pawl::detail
