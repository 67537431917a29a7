#include "record/key.hpp"
#include "support/catch.hpp"

#include <pawl/error.hpp>

#include <algorithm>
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
  CHECK(printable_key(text("a\u202eb\u2066\u061c\u2028\ufeff")) ==
        "a\\xe2\\x80\\xaeb\\xe2\\x81\\xa6\\xd8\\x9c\\xe2\\x80\\xa8\\xef\\xbb\\xbf");
  CHECK(printable_key(text("gr\xc3\xbc\xc3\x9f")) == "gr\xc3\xbc\xc3\x9f");
  CHECK(printable_key(text("\xc2\x9b" "1m")) == "\\xc2\\x9b1m");
  CHECK(printable_key(text("\xff\xc3")) == "\\xff\\xc3");
  CHECK(printable_key(text("")).empty());
}

TEST_CASE("bytes that are no typed key are named as damage") {
  for (const std::string& bytes : {std::string(), std::string("\x02"), std::string("\x07" "12345678"), std::string(10, '\x01')})
    CHECK_THROWS_AS(split_key(bytes), pawl::error);
}

TEST_CASE("the keys of one parent's children lie together, and each tells where it comes from") {
  const auto child = [](const std::string& parent, std::uint32_t generation, const std::string& own) {
    return scope_of_children(parent, generation) + own;
  };
  const std::string one = child(text("a"), 0, number(false, 7));
  CHECK(is_child_key(one));
  CHECK(split_child_key(one).parent == text("a"));
  CHECK(split_child_key(one).generation == 0);
  CHECK(split_child_key(one).own == number(false, 7));
  CHECK(split_key(one).number == 7);
  CHECK_FALSE(is_child_key(text("a")));
  // Nobody else's key lies between, nor looks like one of them.
  CHECK(child(text("a"), 0, text("z")) < child(text("a"), 1, text("a")));
  CHECK(child(text("a"), 1, text("z")) < child(text("b"), 0, text("a")));
  CHECK(child(text("ab"), 0, text("c")) != child(text("a"), 0, text("bc")));
  CHECK_FALSE(child(text("ab"), 0, text("c")).starts_with(scope_of_children(text("a"), 0)));

  CHECK(plain_key(one) == "a/7");
  CHECK(plain_key(child(number(true, static_cast<std::uint64_t>(-3)), 2, text("x/y"))) == "-3@2/x/y");
  CHECK(plain_key(child(one, 0, text("b"))) == "a/7/b");
  CHECK(plain_key(child(text("order"), 0, text(""))) == "order");
  CHECK(printable_key(child(text("a\n"), 0, text("b"))) == "a\\n/b");
}

TEST_CASE("a child's key is found again by the text that it reads like") {
  const auto found = [](const std::string& key, std::size_t depth) {
    const auto all = child_keys_named(plain_key(key), depth);
    return std::find(all.begin(), all.end(), key) != all.end();
  };
  const std::string page = scope_of_children(text("https://a/b"), 0) + number(false, 7);
  CHECK(found(page, 1));
  CHECK(found(scope_of_children(number(false, 12), 3) + text("with/slash"), 1));
  CHECK(found(scope_of_children(text("a@1"), 0) + text(""), 1));
  CHECK(found(scope_of_children(page, 0) + text("w"), 2));
  CHECK_FALSE(found(page, 2));
  CHECK(child_keys_named(std::string(1000, '/'), 1).empty());
}

TEST_CASE("a child's key that is cut off is named as damage") {
  const std::string whole = scope_of_children(text("abc"), 0) + text("");
  CHECK_NOTHROW(split_child_key(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK_THROWS_AS(split_child_key(whole.substr(0, size)), pawl::error);
  }
}

TEST_CASE("a child's key that is longer than any that is stored is damaged, however deep it goes") {
  std::string key;
  key_writer(key).text("k");
  while (key.size() <= max_child_key_size) {
    CHECK_FALSE(plain_key(key).empty());
    std::string own;
    key_writer(own).text("k");
    key = scope_of_children(key, 0) + own;
  }
  CHECK_THROWS_AS(plain_key(key), pawl::error);
  CHECK_THROWS_AS(split_key(key), pawl::error);
}

TEST_CASE("a text with very many slashes is no name of a child of a child") {
  std::string text = "a";
  for (int i = 0; i < 32; ++i) text += "/a";
  CHECK(child_keys_named(text, 3).size() > 1000);
  CHECK(child_keys_named(text + "/a", 3).empty());
  CHECK_FALSE(child_keys_named(text + "/a", 1).empty());
}
