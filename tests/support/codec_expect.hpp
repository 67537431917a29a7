// What the tests of codecs ask again and again.
#pragma once

#include "support/catch.hpp"
#include "support/hex.hpp"

#include <pawl/codec.hpp>
#include <pawl/error.hpp>

#include <string>

namespace pawl::testing_support {

/// Decodes what it encodes, and checks that the bytes are the same again.
template <class T>
T round_trip(const T& value) {
  const auto bytes = encode(value);
  T back = decode<T>(bytes);
  CHECK(encode(back) == bytes);
  return back;
}

template <class T>
std::string bytes_of(const T& value) {
  return hex(encode(value));
}

template <class T>
bool comes_back(const T& value) {
  return round_trip(value) == value;
}

/// The code of the error that `f` throws; a failed test if it throws none.
template <class F>
errc code_of(F f) {
  try {
    f();
  } catch (const error& e) {
    return e.code();
  }
  FAIL("nothing was thrown");
  return {};
}

}  // namespace pawl::testing_support
