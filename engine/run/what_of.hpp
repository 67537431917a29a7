// What somebody's exception says.
#pragma once

#include <exception>
#include <string>

namespace pawl::core {

[[nodiscard]] inline std::string what_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& failure) {
    return failure.what() != nullptr ? failure.what() : "an exception that says nothing";
  } catch (...) {
    return "something that is not a std::exception";
  }
}

}  // namespace pawl::core
