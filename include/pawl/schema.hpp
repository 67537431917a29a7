// The schema of a value: its field names and types as one line of text.
//
//   record{title: string, links: [string]}
//
// The text is stored once; every stored value carries its hash. With the text
// alone, and without the C++ type, a value can be printed as JSON or be read as
// a newer version of its type. Two C++ types with the same field names and
// types have the same schema: names of types are no part of it, and integers
// are told apart by width and sign only (`long` and `long long` are both i64).
//
//   bool char byte i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 string none
//   [T]  array<T, N>  set<T>  map<K, V>  optional<T>  tuple<A, B>  variant<A, B>
//   enum<i32>  duration<i64, 1/1000>  time<i64, 1/1000000000>  local_time<..>  file_time<..>
//   record{name: T, ...}  custom<"name">  custom<"name", 12>
//   up<0>    the record around this place, up<1> the one around that (recursive types)
//
// Must not know C++ types: codec.hpp makes schemas of them (pawl::schema_of<T>()).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace pawl::core {
struct schema_tree;
}

namespace pawl {

/// A value class: cheap to copy (copies share one immutable description), equal
/// where the texts are equal. Every const member may be called from any thread.
class schema {
public:
  /// Reads a stored text. Takes any bytes: throws pawl::error(damaged) where they
  /// are no schema in its one canonical spelling, or one beyond the limits
  /// (1 MiB of text, 65,536 types, 32 levels of nesting, names of 1,024 bytes).
  [[nodiscard]] static schema parse(std::string_view canonical);

  /// 64-bit FNV-1a of the text, then MurmurHash3's final mix; 1 where that gives 0.
  /// It stands in stored rows: it never changes, and it is never 0.
  [[nodiscard]] std::uint64_t hash() const noexcept;

  /// The text to store. Lives as long as this schema or any copy of it.
  [[nodiscard]] std::string_view canonical() const noexcept;

  /// For people: the same text.
  [[nodiscard]] std::string to_string() const { return std::string(canonical()); }

  /// One encoded value as JSON, on one line, always valid UTF-8.
  ///
  /// record -> object; map with string keys -> object, with other keys -> array of [key, value];
  /// list, array, set, tuple -> array; optional -> value or null; none -> null;
  /// variant -> {"index":1,"value":...}; enum -> its number; integers -> exact, also above 2^53;
  /// doubles -> the shortest text that reads back as the same, not-a-number and the infinities as
  /// "NaN", "Infinity", "-Infinity"; lists and arrays of byte, and custom values -> lower-case hex;
  /// lists and arrays of char -> a string; duration -> "1500ms" (count and unit; "7[1/3]s" where the
  /// unit has no name); time -> "2024-05-01T12:30:00.250Z" in years 0 to 9999 if its count is an
  /// integer, else "COUNTUNIT since 1970-01-01T00:00:00Z"; local_time the same without Z;
  /// file_time -> "COUNTUNIT since the file clock's epoch". Bytes of a string that are not UTF-8
  /// appear as the four characters \xNN (in JSON: "\\xNN").
  ///
  /// Takes any bytes: throws pawl::error(codec_failed) where they are no value of this schema, and
  /// pawl::error(too_large) where the text would outgrow `size_max`; memory stays below twice that.
  [[nodiscard]] std::string to_json(std::span<const std::byte> encoded, std::size_t size_max = json_size_max) const;
  static constexpr std::size_t json_size_max = std::size_t{64} << 20;

  /// Empty where values of this schema can be read as `wanted` (see decode in codec.hpp for the
  /// rules); else the reason, naming the field and both types.
  [[nodiscard]] std::string why_not_readable_as(const schema& wanted) const;

  friend bool operator==(const schema& a, const schema& b) noexcept {
    return a.tree_ == b.tree_ || a.canonical() == b.canonical();
  }

  /// For the engine.
  [[nodiscard]] const core::schema_tree& tree() const noexcept { return *tree_; }
  explicit schema(std::shared_ptr<const core::schema_tree> tree) : tree_(std::move(tree)) {}

private:
  std::shared_ptr<const core::schema_tree> tree_;  // never null
};

}  // namespace pawl
