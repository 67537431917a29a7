// From an input to its typed key.
//
// Keys are text or integers and are told apart: the integer 1 is not the text "1".
#pragma once

#include <pawl/detail/diagnostics.hpp>
#include <pawl/detail/erased.hpp>
#include <pawl/error.hpp>

#include <concepts>
#include <cstdint>
#include <functional>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>

namespace pawl::detail {

/// std::filesystem::path and its like: known by its native bytes, so that <filesystem> is not needed here.
template <class K>
concept native_path = requires(const K& key) {
  { key.native() } -> std::same_as<const std::string&>;
};
template <class K>
concept text_key = native_path<K> || std::is_convertible_v<const K&, std::string_view>;
template <class K>
concept number_key = (std::is_integral_v<K> && !std::is_same_v<K, bool>) || std::is_enum_v<K>;
template <class K>
concept usable_key = text_key<K> || number_key<K>;

template <class K>
void write_key(const K& key, key_sink& into) {
  if constexpr (native_path<K>) {
    into.text(key.native());
  } else if constexpr (text_key<K>) {
    into.text(static_cast<std::string_view>(key));
  } else if constexpr (std::is_enum_v<K>) {
    write_key(static_cast<std::underlying_type_t<K>>(key), into);
  } else if constexpr (std::is_signed_v<K>) {
    into.number(key < 0, static_cast<std::uint64_t>(static_cast<std::int64_t>(key)));
  } else {
    into.number(false, static_cast<std::uint64_t>(key));
  }
}

template <class In>
void own_key(const void*, const void* input, key_sink& into) {
  write_key(*static_cast<const In*>(input), into);
}

template <class In, class Projection>
void projected_key(const void* self, const void* input, key_sink& into) {
  const auto& key = std::invoke(*static_cast<const Projection*>(self), *static_cast<const In*>(input));
  write_key(key, into);
}

/// Rebuilds an input that is its own key. Throws where the number does not fit the type any more.
template <class In>
void input_from_own_key(void* storage, std::uint64_t number, std::string_view text) {
  if constexpr (native_path<In>) {
    ::new (storage) In(std::string(text));
  } else if constexpr (text_key<In>) {
    ::new (storage) In(text);
  } else {
    const auto input = static_cast<In>(number);
    const auto bits = [](auto value) {
      if constexpr (std::is_signed_v<decltype(value)>)
        return static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
      else
        return static_cast<std::uint64_t>(value);
    };
    std::uint64_t back = 0;
    if constexpr (std::is_enum_v<In>)
      back = bits(static_cast<std::underlying_type_t<In>>(input));
    else
      back = bits(input);
    if (back != number)
      throw error(errc::schema_mismatch,
                  "key: a stored integer key does not fit the workflow's input type any more; give the input its old "
                  "type back");
    ::new (storage) In(input);
  }
}

/// True where an input is its own key without `.key()`.
template <class In>
inline constexpr bool is_own_key = usable_key<In>&& std::is_object_v<In> && !std::is_pointer_v<In>;
/// ... and can be made again from it.
template <class In>
inline constexpr bool is_key_alone = std::is_same_v<In, std::string> || number_key<In> ||
                                     (native_path<In> && std::is_constructible_v<In, std::string>);

template <class In, class Projection>
consteval auto key_problem() {
  if constexpr (!std::is_invocable_v<const Projection&, const In&>) {
    return found<projection_not_callable<the_input<In>, Projection>>{};
  } else {
    using key = std::remove_cvref_t<std::invoke_result_t<const Projection&, const In&>>;
    if constexpr (std::is_same_v<key, bool> || std::is_floating_point_v<key>)
      return found<key_is_bool_or_floating<the_input<In>, returns<key>>>{};
    else if constexpr (!usable_key<key>)
      return found<key_is_no_text_or_integer<the_input<In>, returns<key>>>{};
    else
      return fine{};
  }
}

}  // namespace pawl::detail
