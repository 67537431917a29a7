#include "record/key.hpp"
#include "support/catch.hpp"

#include <pawl/error.hpp>

#include <string>

using namespace pawl::core;

namespace {
std::string number(bool negative, std::uint64_t bits) {
  std::string key;
  key_writer(key).number(negative, bits);
  return key;
}
std::string text(std::string_view bytes) {
  std::string key;
  key_writer(key).text(bytes);
  return key;
}
}  // namespace

TEST_CASE("typed keys sort as the keys do, and tell numbers from text") {
  const auto minus = [](std::int64_t n) { return number(true, static_cast<std::uint64_t>(n)); };
  CHECK(minus(INT64_MIN) < minus(-2));
  CHECK(minus(-2) < minus(-1));
  CHECK(minus(-1) < number(false, 0));
  CHECK(number(false, 255) < number(false, 256));
  CHECK(number(false, 1) != text("1"));
  CHECK(text("a") < text("b"));
}

TEST_CASE("keys print as people write them, and nothing in them reaches a terminal as a command") {
  CHECK(printable_key(number(true, static_cast<std::uint64_t>(INT64_MIN))) == "-9223372036854775808");
  CHECK(printable_key(number(false, UINT64_MAX)) == "18446744073709551615");
  CHECK(printable_key(text("a b\n\t\r\\")) == "a b\\n\\t\\r\\\\");
  CHECK(printable_key(text("\x1b[31m")) == "\\x1b[31m");
  CHECK(printable_key(text("gr\xc3\xbc\xc3\x9f")) == "gr\xc3\xbc\xc3\x9f");
  CHECK(printable_key(text("\xc2\x9b" "1m")) == "\\xc2\\x9b1m");
  CHECK(printable_key(text("\xff\xc3")) == "\\xff\\xc3");
  CHECK(printable_key(text("")).empty());
}

TEST_CASE("bytes that are no typed key are named as damage") {
  for (const std::string& bytes : {std::string(), std::string("\x02"), std::string("\x07" "12345678"), std::string(10, '\x01')})
    CHECK_THROWS_AS(split_key(bytes), pawl::error);
}
