// How many bytes the values of a type take at least, and whether always as many.
// Counts are checked against these before anything is read.
#include "schema/tree.hpp"

#include <algorithm>

namespace pawl::core {
namespace {

constexpr std::uint64_t size_saturated = std::uint64_t{1} << 62;

std::uint64_t saturating_add(std::uint64_t a, std::uint64_t b) { return std::min(size_saturated, a + b); }
std::uint64_t saturating_multiply(std::uint64_t a, std::uint64_t b) {
  return a != 0 && b > size_saturated / a ? size_saturated : a * b;
}

void size(schema_node& made, std::uint64_t size, bool fixed) {
  made.min_size = std::max<std::uint64_t>(1, size);
  made.fixed_size = fixed;
}

std::uint64_t scalar_size(schema_kind kind) {
  switch (kind) {
    case schema_kind::i16:
    case schema_kind::u16:
      return 2;
    case schema_kind::i32:
    case schema_kind::u32:
    case schema_kind::f32:
      return 4;
    case schema_kind::i64:
    case schema_kind::u64:
    case schema_kind::f64:
      return 8;
    default:
      return 1;
  }
}

}  // namespace

void measure(const schema_tree& tree, schema_node& made) {
  std::uint64_t parts = 0, least = size_saturated;
  bool fixed = true;
  for (std::uint32_t i = 0; i < made.count; ++i) {
    const schema_node& part = tree.nodes[tree.links[made.first + i].node];
    parts = saturating_add(parts, part.min_size);
    least = std::min(least, part.min_size);
    fixed = fixed && part.fixed_size;
    made.has_up = made.has_up || part.has_up;
  }
  switch (made.kind) {
    case schema_kind::string:
    case schema_kind::list:
    case schema_kind::set:
    case schema_kind::map:
      made.min_size = 4;
      break;
    case schema_kind::optional:
      made.min_size = 1;
      break;
    case schema_kind::variant:
      made.min_size = saturating_add(1, least);
      break;
    case schema_kind::array:
      size(made, saturating_multiply(parts, made.a), fixed || made.a == 0);
      break;
    case schema_kind::custom:
      size(made, made.a != 0 ? made.a : 4, made.a != 0);
      break;
    case schema_kind::up:
      made.has_up = true;
      break;
    case schema_kind::none:
    case schema_kind::tuple:
    case schema_kind::record:
    case schema_kind::enumeration:
    case schema_kind::duration:
    case schema_kind::time:
    case schema_kind::local_time:
    case schema_kind::file_time:
      size(made, parts, fixed);
      break;
    default:
      size(made, scalar_size(made.kind), true);
      break;
  }
}

}  // namespace pawl::core
