// A schema is one line of text; its text and hash stand in stored states, so they
// are checked against what was written here when they were first made.
#include "support/asked.hpp"
#include "support/catch.hpp"

#include <pawl/codec.hpp>
#include <pawl/error.hpp>

#include <filesystem>
#include <iterator>
#include <random>

namespace {

enum class color : std::uint8_t { red };
struct record {
  std::string title;
  std::vector<std::string> links;
};
struct same_as_record {
  std::string title;
  std::vector<std::string> links;
};
struct renamed {
  std::string heading;
  std::vector<std::string> links;
};
struct tree {
  std::string name;
  std::vector<tree> children;
};
struct left;
struct right {
  std::vector<left> lefts;
};
struct left {
  std::optional<std::string> label;
  std::vector<right> rights;
};
struct empty {};

template <class T>
std::string text() {
  return pawl::schema_of<T>().to_string();
}

std::string why_refused(std::string_view canonical) {
  try {
    (void)pawl::schema::parse(canonical);
  } catch (const pawl::error& e) {
    CHECK(e.code() == pawl::errc::damaged);
    return e.what();
  }
  return {};
}

}  // namespace

TEST_CASE("every type has the text that is promised for it") {
  CHECK(text<bool>() == "bool");
  CHECK(text<char>() == "char");
  CHECK(text<std::byte>() == "byte");
  CHECK(text<signed char>() == "i8");
  CHECK(text<char32_t>() == "u32");
  CHECK(text<float>() == "f32");
  CHECK(text<double>() == "f64");
  CHECK(text<std::string>() == "string");
  CHECK(text<std::filesystem::path>() == "string");
  CHECK(text<std::monostate>() == "none");
  CHECK(text<std::vector<std::byte>>() == "[byte]");
  CHECK(text<std::vector<std::vector<bool>>>() == "[[bool]]");
  CHECK(text<std::array<int, 3>>() == "array<i32, 3>");
  CHECK(text<std::set<int>>() == "set<i32>");
  CHECK(text<std::unordered_set<int>>() == "set<i32>");
  CHECK(text<std::map<std::string, int>>() == "map<string, i32>");
  CHECK(text<std::unordered_map<std::string, int>>() == "map<string, i32>");
  CHECK(text<std::optional<int>>() == "optional<i32>");
  CHECK(text<std::variant<std::monostate, int>>() == "variant<none, i32>");
  CHECK(text<std::pair<int, char>>() == "tuple<i32, char>");
  CHECK(text<std::tuple<>>() == "tuple<>");
  CHECK(text<color>() == "enum<u8>");
  CHECK(text<std::chrono::milliseconds>() == "duration<i64, 1/1000>");
  CHECK(text<std::chrono::minutes>() == "duration<i64, 60/1>");
  CHECK(text<std::chrono::system_clock::time_point>() == "time<i64, 1/1000000000>");
  CHECK(text<std::chrono::local_seconds>() == "local_time<i64, 1/1>");
  CHECK(text<record>() == "record{title: string, links: [string]}");
  CHECK(text<empty>() == "record{}");
  CHECK(text<tree>() == "record{name: string, children: [up<0>]}");
  CHECK(text<left>() == "record{label: optional<string>, rights: [record{lefts: [up<1>]}]}");
}

TEST_CASE("integers are told apart by width and sign, not by name") {
  STATIC_REQUIRE_FALSE(std::is_same_v<long, long long>);
  CHECK(pawl::schema_of<long>() == pawl::schema_of<long long>());
  CHECK(pawl::schema_of<long>() == pawl::schema_of<std::int64_t>());
  CHECK_FALSE(pawl::schema_of<long>() == pawl::schema_of<unsigned long>());
}

TEST_CASE("names of fields are part of a schema, names of types are not") {
  CHECK(pawl::schema_of<record>() == pawl::schema_of<same_as_record>());
  CHECK_FALSE(pawl::schema_of<record>() == pawl::schema_of<renamed>());
}

TEST_CASE("hashes never change") {
  CHECK(pawl::schema_of<int>().hash() == 0x2a8405a9be791e57);
  CHECK(pawl::schema_of<std::string>().hash() == 0x97ea08b74e048f69);
  CHECK(pawl::schema_of<record>().hash() == 0x70e9bf92d6deb23a);
  CHECK(pawl::schema_of<tree>().hash() == 0x27741939da9e8a9a);
  CHECK(pawl::schema::parse("record{}").hash() == 0x934ec0e3a5cb9fc5);
}

TEST_CASE("a text is read back to the same schema") {
  for (const std::string& canonical :
       {text<record>(), text<left>(),
        text<std::map<std::pair<int, char>, std::variant<std::monostate, std::tuple<>>>>(),
        text<std::chrono::duration<double, std::ratio<2, 6>>>(), text<std::array<std::array<color, 4>, 0>>(),
        std::string("custom<\"a b\">"), std::string("custom<\"x\", 12>"),
        std::string("file_time<i64, 1/1000000000>")}) {
    const pawl::schema parsed = pawl::schema::parse(canonical);
    CHECK(parsed.canonical() == canonical);
    CHECK(parsed.hash() != 0);
  }
  CHECK(pawl::schema::parse(text<left>()) == pawl::schema_of<left>());
  CHECK(pawl::schema::parse(text<left>()).hash() == pawl::schema_of<left>().hash());
}

TEST_CASE("a text that is no schema is refused, and says where") {
  CHECK(why_refused("") != "");
  CHECK(why_refused("i33").find("'i33' is no type") != std::string::npos);
  CHECK(why_refused("[i32").find("byte 4: ']' should stand here") != std::string::npos);
  CHECK(why_refused("i32 ").find("more follows") != std::string::npos);
  CHECK(why_refused("record{a: i32, a: i32}").find("twice") != std::string::npos);
  CHECK(why_refused("record{: i32}").find("a name should stand here") != std::string::npos);
  CHECK(why_refused("record{a\x1b: i32}") != "");
  CHECK(why_refused("record{a:  i32}") != "");
  CHECK(why_refused("record") != "");
  CHECK(why_refused("array<i32, 03>") != "");
  CHECK(why_refused("array<i32, 4294967296>") != "");
  CHECK(why_refused("optional<>") != "");
  CHECK(why_refused("set<i32, i32>") != "");
  CHECK(why_refused("variant<>") != "");
  CHECK(why_refused("enum<string>") != "");
  CHECK(why_refused("duration<bool, 1/1>") != "");
  CHECK(why_refused("duration<i64, 2/4>") != "");
  CHECK(why_refused("duration<i64, 1/0>") != "");
  CHECK(why_refused("up<0>") != "");
  CHECK(why_refused("record{a: [up<1>]}") != "");
  CHECK(why_refused("custom<\"\">") != "");
  CHECK(why_refused("custom<\"a\", 0>") != "");
  CHECK(why_refused(std::string(1 << 21, 'a')) != "");
}

TEST_CASE("a schema is bounded in depth and in number of types") {
  const auto nested = [](std::size_t levels) { return std::string(levels, '[') + "i8" + std::string(levels, ']'); };
  CHECK(why_refused(nested(31)).empty());
  CHECK(why_refused(nested(32)).find("too deeply") != std::string::npos);
  CHECK(why_refused(nested(100'000)).find("too deeply") != std::string::npos);
  std::string many = "tuple<i8";
  for (int i = 0; i < 70'000; ++i) many += ", i8";
  CHECK(why_refused(many + ">").find("too many types") != std::string::npos);
}

TEST_CASE("any change to a schema's text gives a schema with that text, or an error") {
  const unsigned seed = pawl::test::asked_seed();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const std::string corpus[] = {text<left>(), text<std::map<std::string, std::variant<color, std::array<int, 3>>>>(),
                                "record{a: custom<\"x\", 12>, b: duration<i64, 1/1000>, c: tuple<>}"};
  const std::string_view tokens[] = {"<",  ">",     "{",       "}", "[", "]",      ", ",
                                     ": ", "up<0>", "record{", "0", "9", "array<", "\""};
  for (int round = 0; round < 20'000; ++round) {
    std::string changed = corpus[random() % std::size(corpus)];
    for (auto edits = 1 + random() % 3; edits > 0; --edits) {
      const std::size_t at = random() % (changed.size() + 1);
      switch (random() % 3) {
        case 0:
          changed.insert(at, tokens[random() % std::size(tokens)]);
          break;
        case 1:
          changed.erase(at, random() % 6);
          break;
        default:
          changed.insert(at, 1, static_cast<char>(random()));
          break;
      }
    }
    try {
      const pawl::schema parsed = pawl::schema::parse(changed);
      REQUIRE(parsed.canonical() == changed);
    } catch (const pawl::error& e) {
      REQUIRE(e.code() == pawl::errc::damaged);
    }
  }
}
