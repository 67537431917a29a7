// The pawl::error that a call throws.
#pragma once

#include "support/catch.hpp"

#include <pawl/error.hpp>

namespace pawl::test {

// Fails the test where it throws none.
template <class Call>
error error_of(const Call& call) {
  try {
    call();
  } catch (const error& thrown) {
    return thrown;
  }
  FAIL("nothing was thrown");
  return {errc::io, ""};
}

}  // namespace pawl::test
