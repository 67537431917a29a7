// Why a type has no codec, and the sentence that the compiler says about it.
// Nothing here fails by itself: whoever needs a codec instantiates explain_codec<T> (explain.hpp).
#pragma once

#include <cstdint>

namespace pawl::detail {

enum class refusal : std::uint8_t {
  none = 0,
  nothing,  // void, a function, an abstract class
  pointer,
  smart_pointer,
  reference,
  view,
  long_double,
  wide_string,
  c_array,
  plain_union,
  volatile_value,
  plain_enum,
  steady_time,
  foreign_clock,
  many_alternatives,
  fixed_in_place,  // cannot be moved
  base_class,
  anonymous_union,
  unnamed_field,
  uncountable,
  opaque_class,  // has constructors or private members
  adapted_without_default,
  malformed_codec,
};

}  // namespace pawl::detail
