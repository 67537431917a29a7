// Reading values of one schema as another: whether it can be done at all
// (reading.cpp), and doing it (convert.cpp). The rules: decode in pawl/codec.hpp.
#pragma once

#include "schema/tree.hpp"

#include <pawl/encoder.hpp>

#include <string>

namespace pawl::core {

// Empty where every value of `stored` can be read as `wanted`; else a reason that
// names the place of the first part that cannot, and both of its types.
[[nodiscard]] std::string why_not_readable(const schema_tree& stored, const schema_tree& wanted);

// Scalars: the same, or a narrower one that fits into the wider one without loss.
[[nodiscard]] bool widens(schema_kind stored, schema_kind wanted) noexcept;

// The field of `record` with this name, counted from 0; -1 where there is none.
[[nodiscard]] std::ptrdiff_t find_field(const schema_tree& tree, std::uint32_t record, std::string_view name) noexcept;

// Moves `in` past one value. Throws pawl::error(codec_failed) where the bytes end too early
// or say something that no value says; what it skips is not checked further than that.
void skip_value(const schema_tree& tree, std::uint32_t node, decoder& in);

}  // namespace pawl::core
