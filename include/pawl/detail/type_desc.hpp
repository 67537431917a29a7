// What a C++ type looks like on the disk, as constant data.
//
// The typed layer makes one type_desc per type at compile time; compiled code
// (engine/schema/) walks the graph of them and writes the schema's text. So
// describing a type costs no code per type. Knows no codec and no bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pawl {
class encoder;
}

namespace pawl::detail {

/// The kinds of a schema. How each is written and encoded: engine/schema/tree.hpp.
enum class schema_kind : std::uint8_t {
  boolean,
  character,
  byte,
  i8,
  i16,
  i32,
  i64,
  u8,
  u16,
  u32,
  u64,
  f32,
  f64,
  string,
  none,
  list,
  array,
  set,
  map,
  optional,
  tuple,
  variant,
  enumeration,
  duration,
  time,
  local_time,
  file_time,
  record,
  custom,
  up,
};

struct type_desc {
  schema_kind kind = schema_kind::none;
  std::uint64_t a = 0;    ///< array: length; duration and times: numerator of the period; custom: fixed size or 0
  std::uint64_t b = 0;    ///< duration and times: denominator of the period
  std::size_t count = 0;  ///< how many children
  const type_desc* const* children = nullptr;  ///< element types, fields, alternatives, representation
  const std::string_view* names = nullptr;     ///< record: one per child
  std::string_view name = {};                  ///< custom: what the codec calls itself
  void (*encode_default)(encoder&) = nullptr;  ///< record: encodes T{}; null where T{} cannot be made
};

}  // namespace pawl::detail
