// A schema as a tree in memory: what the text of pawl/schema.hpp says.
//
// How each kind is encoded; all numbers little-endian, nothing aligned:
//
//   bool 1 byte, 0 or 1      char, byte, i8.., u8.., f32, f64 their bytes
//   string, [T], set, map    u32 count, then the bytes or elements (map: key, value, key, value)
//   array, tuple, record     the parts, one after the other
//   optional                 1 byte 0 or 1, then the value if 1
//   variant                  1 byte index, then that alternative
//   enum, duration, times    the representation
//   custom<"n", 12>          12 bytes           custom<"n">   u32 size, then the bytes
//   none, and an array, tuple or record without parts    one zero byte
//
// So every value takes at least one byte, and a count can be checked against the
// bytes that remain before anything is allocated.
//
// Knows neither C++ types nor files.
#pragma once

#include <pawl/detail/type_desc.hpp>
#include <pawl/schema.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pawl::core {

using detail::schema_kind;

inline constexpr std::size_t schema_text_max = std::size_t{1} << 20;
inline constexpr std::size_t schema_nodes_max = 65'536;
inline constexpr std::size_t schema_depth_max = 32;
inline constexpr std::size_t schema_name_max = 1'024;
inline constexpr unsigned value_nesting_max = 200;  // how often a recursive type may lie within itself

struct schema_node {
  schema_kind kind = schema_kind::none;
  bool fixed_size = false;  // every value takes min_size bytes
  bool has_up = false;      // an up<> stands somewhere below: the text alone does not say what it is
  std::uint32_t first = 0;  // its children are links[first .. first + count)
  std::uint32_t count = 0;
  std::uint32_t target = 0;    // up: the record it means
  std::uint64_t a = 0, b = 0;  // see type_desc
  std::uint64_t min_size = 1;  // bytes that a value takes at least; never 0
  std::string_view name;       // custom
  std::string_view text;       // the part of the canonical text that spells this node
};

struct schema_link {
  std::uint32_t node = 0;
  std::string_view name;  // of a record's field
};

struct schema_tree {
  std::string canonical;  // what every view above points into
  std::uint64_t hash = 0;
  std::vector<schema_node> nodes;  // in the order of the text; the root is nodes[0]
  std::vector<schema_link> links;
  // For a schema made from a C++ type: by node, how to encode a default value (null: no record,
  // or it has none). Empty for one that was read from its text.
  std::vector<void (*)(encoder&)> defaults;

  schema_tree() = default;
  schema_tree(const schema_tree&) = delete;  // views point into `canonical`
  schema_tree& operator=(const schema_tree&) = delete;

  // Follows an up<>.
  [[nodiscard]] std::uint32_t resolve(std::uint32_t node) const {
    return nodes[node].kind == schema_kind::up ? nodes[node].target : node;
  }
  [[nodiscard]] std::uint32_t child(std::uint32_t node, std::size_t index) const {
    return links[nodes[node].first + index].node;
  }
};

// Throws pawl::error(damaged).
[[nodiscard]] std::shared_ptr<schema_tree> parse_schema(std::string_view text);

// Fills fixed_size, has_up and min_size of a node whose children are in the tree and measured.
void measure(const schema_tree& tree, schema_node& made);

[[nodiscard]] std::uint64_t hash_of_schema(std::string_view text) noexcept;

// The word that a kind is spelled with; empty for lists, records.
[[nodiscard]] std::string_view word_of(schema_kind kind) noexcept;

inline bool is_scalar(schema_kind kind) { return kind <= schema_kind::f64; }
inline bool is_integer(schema_kind kind) { return kind >= schema_kind::i8 && kind <= schema_kind::u64; }

}  // namespace pawl::core
