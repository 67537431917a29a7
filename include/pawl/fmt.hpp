// Formatters for {fmt}. Apart from the rest, so that nobody else pays for fmt.
#pragma once

#include <pawl/describe.hpp>
#include <pawl/plan.hpp>
#include <pawl/report.hpp>

#include <fmt/format.h>

template <>
struct fmt::formatter<pawl::item_state> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(pawl::item_state state, Context& into) const {
    return fmt::formatter<std::string_view>::format(pawl::name_of(state), into);
  }
};

template <>
struct fmt::formatter<pawl::report> : fmt::formatter<std::string> {
  template <class Context>
  auto format(const pawl::report& report, Context& into) const {
    return fmt::formatter<std::string>::format(pawl::to_string(report), into);
  }
};

template <>
struct fmt::formatter<pawl::description> : fmt::formatter<std::string> {
  template <class Context>
  auto format(const pawl::description& description, Context& into) const {
    return fmt::formatter<std::string>::format(pawl::to_string(description), into);
  }
};

template <>
struct fmt::formatter<pawl::plan> : fmt::formatter<std::string> {
  template <class Context>
  auto format(const pawl::plan& plan, Context& into) const {
    return fmt::formatter<std::string>::format(pawl::to_string(plan), into);
  }
};
