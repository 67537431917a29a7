// A type's name as the compiler spells it: for messages to people only, since
// compilers differ and nothing that is stored may hang on it.
#pragma once

#include <string_view>

namespace pawl::detail {

template <class T>
constexpr const char* spell_type() {
  return __PRETTY_FUNCTION__;
}

template <class T>
constexpr std::string_view read_type_name() {
  constexpr std::string_view before = "T = ";
  const std::string_view spelled = spell_type<T>();
  const std::size_t begin = spelled.find(before) + before.size();
  return spelled.substr(begin, spelled.size() - begin - 1);  // the bracket at the end
}

template <class T>
inline constexpr std::string_view type_name = read_type_name<T>();

}  // namespace pawl::detail
