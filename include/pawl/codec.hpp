// From values to bytes and back: pawl::encode, pawl::decode, pawl::schema_of, and
// pawl::codec, which a user specialises for types that pawl cannot take apart.
//
// What has a codec without a word: numbers, bool, std::byte, enums with an
// underlying type, std::string, vector, array, optional, variant, monostate,
// pair, tuple, map, unordered_map, set, unordered_set, chrono durations and time
// points (not of steady_clock), filesystem::path, and plain aggregates of these:
// up to 100 fields, nested, with member initialisers, also recursive ones such as
// `struct tree { std::string name; std::vector<tree> children; };`. No bases,
// bit-fields, C arrays, references or pointers. Structs adapted with Boost.Hana:
// include <pawl/hana.hpp>.
//
// Knows no step, no workflow and no storage. How each type is encoded:
// engine/schema/tree.hpp.
#pragma once

#include <pawl/detail/buffer.hpp>
#include <pawl/detail/code_associative.hpp>
#include <pawl/detail/code_chrono.hpp>
#include <pawl/detail/code_path.hpp>
#include <pawl/detail/code_product.hpp>
#include <pawl/detail/code_record.hpp>
#include <pawl/detail/code_scalar.hpp>
#include <pawl/detail/code_sequence.hpp>
#include <pawl/detail/code_user.hpp>
#include <pawl/detail/coder.hpp>
#include <pawl/encoder.hpp>
#include <pawl/schema.hpp>

#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

namespace pawl {

/// Specialise it for a type of yours that has no codec by itself, in one of two forms,
/// before the type is first used with pawl.
///
/// As another type, which has a codec: schema, reading by field name and JSON come with it.
///
///     template <> struct pawl::codec<money> {
///       using stored_as = std::int64_t;
///       static std::int64_t to_stored(const money& m) { return m.cents(); }
///       static money from_stored(std::int64_t cents) { return money::of_cents(cents); }
///     };
///
/// As bytes of your own. The name stands in the schema: change it when the bytes change their
/// meaning. `size` is for codecs whose every value takes so many bytes, and may be left out.
///
///     template <> struct pawl::codec<uuid> {
///       static constexpr std::string_view name = "uuid";
///       static constexpr std::size_t size = 16;
///       static void encode(const uuid& u, pawl::encoder& out) { out.write(u.data(), 16); }
///       static uuid decode(pawl::decoder& in) { uuid u; in.read(u.data(), 16); return u; }
///     };
///
/// decode gets any bytes: check what you read, and throw pawl::error(errc::codec_failed).
/// Equal values must give equal bytes. Called from several threads at once.
template <class T>
struct codec;

/// True where T has a codec. Never fails to compile, for any T.
template <class T>
inline constexpr bool has_codec_v = detail::traits_of<std::remove_cv_t<T>>.why == detail::refusal::none;

template <class T>
concept has_codec = has_codec_v<T>;

namespace detail {

/// Why T has no codec (the first reason found in it), or refusal::none.
template <class T>
inline constexpr refusal why_no_codec = traits_of<std::remove_cv_t<T>>.why;

// Compiled: engine/schema/.
[[nodiscard]] schema make_schema(const type_desc& desc);
void throw_if_bytes_remain(const decoder& in);
/// The next value of `in`, written under `stored`, as the bytes of `wanted`.
/// Throws pawl::error(schema_mismatch, codec_failed).
[[nodiscard]] std::vector<std::byte> convert(decoder& in, const schema& stored, const schema& wanted);

}  // namespace detail

/// The schema of T. Made on first use; any thread. Throws pawl::error(too_large) for a type beyond the limits of
/// schema::parse.
template <has_codec T>
[[nodiscard]] const schema& schema_of() {
  static const schema made = detail::make_schema(detail::desc<std::remove_cv_t<T>>);
  return made;
}

/// Appends one value. Throws pawl::error: too_large beyond 2^32 elements in one container or beyond the encoder's
/// limit; codec_failed for a valueless variant, and for a value of a recursive type nested deeper than 200 levels.
template <has_codec T>
void encode(const T& value, encoder& out) {
  detail::put<T>(value, out);
}

/// The bytes of one value, at most 1 GiB (else pawl::error(too_large)).
template <has_codec T>
[[nodiscard]] std::vector<std::byte> encode(const T& value) {
  detail::buffer bytes;
  detail::put<T>(value, bytes);
  return bytes.take();
}

/// Reads one value and leaves the decoder behind it. Any bytes give a value or throw pawl::error(codec_failed).
///
/// A count is checked against the bytes that remain before anything is allocated: with n bytes of input, at most n / m
/// elements of a type that takes at least m bytes, so never more than n * sizeof(element) / m bytes (and never more
/// than 16 * n ahead of the elements that were really read) for each container on the way.
template <has_codec T>
[[nodiscard]] T decode(decoder& in) {
  return detail::get<T>(in);
}

/// One value and nothing behind it: bytes left over throw pawl::error(codec_failed).
template <has_codec T>
[[nodiscard]] T decode(std::span<const std::byte> bytes) {
  decoder in(bytes);
  T value = detail::get<T>(in);
  detail::throw_if_bytes_remain(in);
  return value;
}

/// The same for a value that was written under another schema. Fields are matched by name; one that is not stored takes
/// its member initialiser; one that is no longer wanted is skipped. Read without loss are also: a narrower integer or
/// float as a wider one (u32 as i64, i32 as f64, ...), T as optional<T>, array<T, N> as [T], a variant as one with more
/// alternatives behind the old ones; all of this at any depth. Anything else throws pawl::error(schema_mismatch) naming
/// the field and both types, whatever the bytes are.
template <has_codec T>
[[nodiscard]] T decode(std::span<const std::byte> bytes, const schema& stored) {
  if (stored == schema_of<T>()) return decode<T>(bytes);
  decoder in(bytes);
  const std::vector<std::byte> converted = detail::convert(in, stored, schema_of<T>());
  detail::throw_if_bytes_remain(in);
  return decode<T>(converted);
}

}  // namespace pawl
