// The pure part of the index workflow: bytes of any kind become a document.
#include "support/asked.hpp"
#include "support/catch.hpp"
#include "workflows/index/text.hpp"

#include <random>
#include <string>
#include <string_view>

namespace {

using namespace std::string_view_literals;
using index_text::as_utf8;
using index_text::printable;
using index_text::term;
using index_text::understand;

constexpr std::string_view replacement = "\xef\xbf\xbd";

TEST_CASE("well-formed UTF-8 passes unchanged") {
  for (const std::string_view text : {""sv, "plain"sv, "caf\xc3\xa9"sv, "\xe2\x82\xac"sv, "\xf0\x9f\x92\xa1"sv,
                                      "\xed\x9f\xbf"sv, "\xee\x80\x80"sv, "\xf4\x8f\xbf\xbf"sv, "zero\0byte"sv})
    CHECK(as_utf8(text) == text);
}

TEST_CASE("each byte that is not UTF-8 becomes one replacement character") {
  const auto replaced = [](std::size_t count) {
    std::string text;
    while (count-- > 0) text += replacement;
    return text;
  };
  CHECK(as_utf8("caf\xe9 au lait") == "caf" + replaced(1) + " au lait");
  CHECK(as_utf8("\xc0\xaf") == replaced(2));          // overlong
  CHECK(as_utf8("\xe0\x80\xaf") == replaced(3));      // overlong
  CHECK(as_utf8("\xed\xa0\x80") == replaced(3));      // a surrogate
  CHECK(as_utf8("\xf4\x90\x80\x80") == replaced(4));  // beyond U+10FFFF
  CHECK(as_utf8("\xe2\x82") == replaced(2));          // cut off
  CHECK(as_utf8("\xe2\x82\xe2\x82\xac") == replaced(2) + "\xe2\x82\xac");
}

TEST_CASE("any bytes become UTF-8") {
  const unsigned seed = pawl::test::asked_seed();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes(random() % 40, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random() % 3 == 0 ? random() : 0x80 | random());
    const std::string text = as_utf8(bytes);
    REQUIRE(as_utf8(text) == text);
    REQUIRE(understand(bytes).text == text);
  }
}

TEST_CASE("a terminal gets neither control characters nor broken bytes") {
  CHECK(printable("a\nb\x1b[0m\x7f") == "a\\x0ab\\x1b[0m\\x7f");
  CHECK(printable("caf\xe9 \xc3\xa9") == "caf\\xe9 \xc3\xa9");
}

TEST_CASE("a document has a title, counts, and its most frequent words") {
  const auto found = understand("/*\n * The Ratchet of Alan.\n */\nratchet pawl ratchet 42 42 42 of of of\nlast line");
  CHECK(found.title == "The Ratchet of Alan.");
  CHECK(found.lines == 5);
  CHECK(found.words == 15);
  REQUIRE(found.terms.size() >= 2);
  CHECK(found.terms[0] == term{"ratchet", 3});  // neither the number nor a word of two letters
  CHECK(found.terms[1] == term{"alan", 1});     // equal counts in the order of the alphabet
}

TEST_CASE("nothing is a document too") {
  const auto found = understand("");
  CHECK(found.title.empty());
  CHECK(found.lines == 0);
  CHECK(found.words == 0);
  CHECK(found.terms.empty());
}

TEST_CASE("a long title is cut between two characters") {
  std::string line;
  for (int i = 0; i < 100; ++i) line += "\xe2\x82\xac";
  const std::string title = understand(line).title;
  CHECK(title.size() <= 120);
  CHECK(as_utf8(title) == title);
}

}  // namespace
