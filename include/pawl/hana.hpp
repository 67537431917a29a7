// Codecs for structs adapted with Boost.Hana: BOOST_HANA_ADAPT_STRUCT,
// BOOST_HANA_DEFINE_STRUCT, or any other model of hana::Struct.
//
// The schema has the adapted names in the adapted order; members that are not
// adapted are not stored and keep their default. The struct must be
// default-constructible and its members assignable. An adapted struct that is a
// plain aggregate too goes by its adaptation: so include this header in every
// file that encodes one, or in none.
#pragma once

#include <pawl/codec.hpp>

#include <boost/hana/accessors.hpp>
#include <boost/hana/concept/struct.hpp>
#include <boost/hana/first.hpp>
#include <boost/hana/second.hpp>
#include <boost/hana/string.hpp>
#include <boost/hana/tuple.hpp>
#include <boost/hana/unpack.hpp>

#include <array>
#include <utility>

namespace pawl::detail {

template <class T>
concept hana_struct = boost::hana::Struct<T>::value;

template <hana_struct T>
struct members_of<T> {
private:
  static constexpr auto accessors = boost::hana::accessors<T>();

  struct take_member_types {
    template <class... Pair>
    constexpr auto operator()(const Pair&... pair) const {
      return type_list<std::remove_reference_t<decltype(boost::hana::second(pair)(std::declval<T&>()))>...>{};
    }
  };
  struct take_member_names {
    template <class... Pair>
    constexpr auto operator()(const Pair&... pair) const {
      return std::array<std::string_view, sizeof...(Pair)>{
          std::string_view(boost::hana::to<const char*>(boost::hana::first(pair)))...};
    }
  };
  static constexpr auto all_names = boost::hana::unpack(accessors, take_member_names{});

  template <class... M>
  static constexpr bool assignable(type_list<M...>) {
    return (std::is_move_assignable_v<M> && ...);
  }

public:
  using types = decltype(boost::hana::unpack(accessors, take_member_types{}));
  static constexpr refusal why =
      std::is_default_constructible_v<T> && assignable(types{}) ? refusal::none : refusal::adapted_without_default;
  static constexpr bool in_memory_order = false;
  static constexpr const std::string_view* names = all_names.data();

  template <class F>
  static decltype(auto) apply(const T& value, F f) {
    return boost::hana::unpack(
        accessors, [&](const auto&... pair) -> decltype(auto) { return f(boost::hana::second(pair)(value)...); });
  }

  static T make(decoder& in) {
    T value{};
    boost::hana::unpack(accessors, [&](const auto&... pair) { (read(boost::hana::second(pair)(value), in), ...); });
    return value;
  }

private:
  template <class M>
  static void read(M& member, decoder& in) {
    member = get<M>(in);
  }
};

}  // namespace pawl::detail
