// Sets and maps. The ordered ones are written in their order; the unordered ones
// in the order of their encoded keys, since digests are taken over the bytes and
// equal values must give equal bytes.
#pragma once

#include <pawl/detail/buffer.hpp>
#include <pawl/detail/coder.hpp>

#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace pawl::detail {

// Encodes every element's key into one scratch buffer, has compiled code sort them, and hands
// `each` the elements in that order together with the bytes of their key.
template <class Container, class EncodeKey, class Each>
void in_order_of_keys(const Container& value, EncodeKey encode_key, Each each) {
  buffer keys;
  std::vector<keyed_element> order;
  order.reserve(value.size());
  for (const auto& element : value) {
    const std::size_t begin = keys.size();
    encode_key(element, keys);
    order.push_back({begin, keys.size() - begin, &element});
  }
  sort_by_key(order, keys);
  for (const keyed_element& next : order)
    each(*static_cast<const typename Container::value_type*>(next.element),
         keys.bytes().subspan(next.begin, next.size));
}

template <class Set, class K>
struct code_set {
  static constexpr std::size_t min_size = 4;
  static constexpr bool bulk = false;
  static void encode(const Set& value, encoder& out) {
    put_count(out, value.size());
    if constexpr (requires { typename Set::hasher; })
      in_order_of_keys(
          value, [](const K& key, encoder& keys) { put<K>(key, keys); },
          [&](const K&, std::span<const std::byte> bytes) { out.write(bytes.data(), bytes.size()); });
    else
      for (const K& key : value) put<K>(key, out);
  }
  static Set decode(decoder& in) {
    Set value;
    for (std::size_t left = get_count(in, coder<K>::min_size); left > 0; --left)
      if (!value.insert(get<K>(in)).second) throw_invalid("a set holds an element twice");
    return value;
  }
  static constexpr type_desc describe() { return {.kind = schema_kind::set, .count = 1, .children = descs<K>}; }
  static constexpr traits ask(const visited* around) { return own_traits<Set>() & coder<K>::ask(around); }
};

template <class Map, class K, class V>
struct code_map {
  static constexpr std::size_t min_size = 4;
  static constexpr bool bulk = false;
  using entry = typename Map::value_type;
  static void encode(const Map& value, encoder& out) {
    put_count(out, value.size());
    if constexpr (requires { typename Map::hasher; })
      in_order_of_keys(
          value, [](const entry& element, encoder& keys) { put<K>(element.first, keys); },
          [&](const entry& element, std::span<const std::byte> key) {
            out.write(key.data(), key.size());
            put<V>(element.second, out);
          });
    else
      for (const entry& element : value) {
        put<K>(element.first, out);
        put<V>(element.second, out);
      }
  }
  static Map decode(decoder& in) {
    Map value;
    for (std::size_t left = get_count(in, coder<K>::min_size + coder<V>::min_size); left > 0; --left) {
      K key = get<K>(in);  // a call's arguments are decoded in no certain order: so not in the call
      if (!value.emplace(std::move(key), get<V>(in)).second) throw_invalid("a map holds a key twice");
    }
    return value;
  }
  static constexpr type_desc describe() { return {.kind = schema_kind::map, .count = 2, .children = descs<K, V>}; }
  static constexpr traits ask(const visited* around) {
    return own_traits<Map>() & coder<K>::ask(around) & coder<V>::ask(around);
  }
};

template <class K, class C, class A>
struct built_in<std::set<K, C, A>> : code_set<std::set<K, C, A>, K> {};
template <class K, class H, class E, class A>
struct built_in<std::unordered_set<K, H, E, A>> : code_set<std::unordered_set<K, H, E, A>, K> {};
template <class K, class V, class C, class A>
struct built_in<std::map<K, V, C, A>> : code_map<std::map<K, V, C, A>, K, V> {};
template <class K, class V, class H, class E, class A>
struct built_in<std::unordered_map<K, V, H, E, A>> : code_map<std::unordered_map<K, V, H, E, A>, K, V> {};

}  // namespace pawl::detail
