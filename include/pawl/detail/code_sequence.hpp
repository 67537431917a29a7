// Strings, vectors and arrays.
#pragma once

#include <pawl/detail/coder.hpp>

#include <array>
#include <string>
#include <utility>
#include <vector>

namespace pawl::detail {

template <class A>
struct built_in<std::basic_string<char, std::char_traits<char>, A>> {
  using string = std::basic_string<char, std::char_traits<char>, A>;
  static constexpr std::size_t min_size = 4;
  static constexpr bool bulk = false;
  static void encode(const string& value, encoder& out) {
    put_count(out, value.size());
    out.write(value.data(), value.size());
  }
  static string decode(decoder& in) {
    const auto bytes = in.take(get_count(in, 1));
    return string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  static constexpr type_desc describe() { return {.kind = schema_kind::string}; }
  static constexpr traits ask(const visited*) { return own_traits<string>(); }
};

// Types whose objects may lie anywhere and be read through any address.
template <class E>
concept byte_like = std::is_same_v<E, char> || std::is_same_v<E, unsigned char> || std::is_same_v<E, std::byte>;

template <class E, class A>
struct built_in<std::vector<E, A>> {
  using vector = std::vector<E, A>;
  static constexpr std::size_t min_size = 4;
  static constexpr bool bulk = false;

  static void encode(const vector& value, encoder& out) {
    put_count(out, value.size());
    if constexpr (coder<E>::bulk)
      out.write(value.data(), value.size() * sizeof(E));
    else
      for (const auto& element : value) put<E>(element, out);
  }

  static vector decode(decoder& in) {
    const std::size_t count = get_count(in, coder<E>::min_size);
    if constexpr (byte_like<E>) {
      const auto* bytes = reinterpret_cast<const E*>(in.take(count).data());
      return vector(bytes, bytes + count);
    } else if constexpr (coder<E>::bulk) {
      vector value(count);
      in.read(value.data(), count * sizeof(E));
      return value;
    } else {
      vector value;
      if constexpr (!traits_of<E>.recursive) value.reserve(reserve_count(count, sizeof(E), in));
      for (std::size_t i = 0; i < count; ++i) value.push_back(get<E>(in));
      return value;
    }
  }

  static constexpr type_desc describe() { return {.kind = schema_kind::list, .count = 1, .children = descs<E>}; }
  static constexpr traits ask(const visited* around) { return own_traits<vector>() & coder<E>::ask(around); }
};

template <class E, std::size_t N>
struct built_in<std::array<E, N>> {
  using array = std::array<E, N>;
  static constexpr std::size_t min_size = N == 0 ? 1 : N * coder<E>::min_size;
  static constexpr bool bulk = N != 0 && coder<E>::bulk;

  static void encode(const array& value, encoder& out) {
    if constexpr (N == 0)
      out.put(std::uint8_t{0});
    else if constexpr (bulk)
      out.write(value.data(), sizeof value);
    else
      for (const E& element : value) put<E>(element, out);
  }

  static array decode(decoder& in) {
    if constexpr (N == 0) {
      get_nothing(in);
      return {};
    } else if constexpr (bulk) {
      array value;
      in.read(value.data(), sizeof value);
      return value;
    } else if constexpr (std::is_default_constructible_v<E> && std::is_move_assignable_v<E>) {
      array value{};
      for (E& element : value) element = get<E>(in);
      return value;
    } else {
      return [&]<std::size_t... I>(std::index_sequence<I...>) { return array{{(static_cast<void>(I), get<E>(in))...}}; }
      (std::make_index_sequence<N>{});
    }
  }

  static constexpr type_desc describe() {
    return {.kind = schema_kind::array, .a = N, .count = 1, .children = descs<E>};
  }
  static constexpr traits ask(const visited* around) { return own_traits<array>() & coder<E>::ask(around); }
};

}  // namespace pawl::detail
