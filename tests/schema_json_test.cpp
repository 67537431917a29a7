// Stored values as JSON, without their C++ types.
#include "support/catch.hpp"
#include "support/hex.hpp"

#include <pawl/codec.hpp>
#include <pawl/error.hpp>

#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

using namespace std::chrono_literals;
using pawl::testing_support::unhex;

namespace {

enum class color : std::int8_t { red = -1 };
struct record {
  std::string title;
  std::optional<int> size;
  std::vector<std::string> links;
};
struct tree {
  std::string name;
  std::vector<tree> children;
};
struct empty {};

// Through the text of the schema alone, as the tool does it.
template <class T>
std::string json(const T& value) {
  const std::string stored(pawl::schema_of<T>().canonical());
  std::string text = pawl::schema::parse(stored).to_json(pawl::encode(value));
  CHECK_NOTHROW(nlohmann::json::parse(text));
  return text;
}

}  // namespace

TEST_CASE("records, containers and choices have the form that is promised") {
  CHECK(json(record{"a \"b\"", 3, {"x", "y"}}) == R"({"title":"a \"b\"","size":3,"links":["x","y"]})");
  CHECK(json(record{}) == R"({"title":"","size":null,"links":[]})");
  CHECK(json(empty{}) == "{}");
  CHECK(json(std::map<std::string, int>{{"a", 1}, {"b", 2}}) == R"({"a":1,"b":2})");
  CHECK(json(std::map<int, bool>{{1, true}, {2, false}}) == "[[1,true],[2,false]]");
  CHECK(json(std::set<int>{2, 1}) == "[1,2]");
  CHECK(json(std::tuple<int, std::string, std::monostate>{1, "x", {}}) == R"([1,"x",null])");
  CHECK(json(std::tuple<>{}) == "[]");
  CHECK(json(std::array<int, 0>{}) == "[]");
  CHECK(json(std::variant<int, std::string>("x")) == R"({"index":1,"value":"x"})");
  CHECK(json(color::red) == "-1");
  CHECK(json(tree{"a", {{"b", {}}}}) == R"({"name":"a","children":[{"name":"b","children":[]}]})");
  CHECK(json(std::filesystem::path("/a")) == R"("/a")");
}

TEST_CASE("numbers are exact and as short as can be") {
  CHECK(json(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
  CHECK(json(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
  CHECK(json(0.1) == "0.1");
  CHECK(json(0.1F) == "0.1");
  CHECK(json(1e300) == "1e+300");
  CHECK(json(-0.0) == "-0");
  CHECK(json(std::numeric_limits<double>::quiet_NaN()) == R"("NaN")");
  CHECK(json(-std::numeric_limits<float>::infinity()) == R"("-Infinity")");
  for (const double value : {1.0 / 3, 5e-324, 1.7976931348623157e308, 123456789.123456789})
    CHECK(nlohmann::json::parse(json(value)).get<double>() == value);
}

TEST_CASE("bytes are hex, characters are text") {
  CHECK(json(std::vector<std::byte>{std::byte{0}, std::byte{0xff}}) == R"("00ff")");
  CHECK(json(std::array<std::byte, 2>{std::byte{0x12}, std::byte{0x34}}) == R"("1234")");
  CHECK(json(std::vector<std::byte>(1000)).size() == 2002);
  CHECK(json(std::byte{7}) == "7");
  CHECK(json(std::vector<char>{'a', 'b'}) == R"("ab")");
  CHECK(json('x') == R"("x")");
  CHECK(pawl::schema::parse("custom<\"id\", 2>").to_json(unhex("abcd")) == R"("abcd")");
  CHECK(pawl::schema::parse("custom<\"id\">").to_json(unhex("02000000abcd")) == R"("abcd")");
}

TEST_CASE("strings are valid UTF-8 afterwards, whatever they were") {
  CHECK(json(std::string("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80")) ==
        "\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"");
  CHECK(json(std::string("\n\t\x01\x7f\\")) == R"("\n\t\u0001\u007f\\")");
  CHECK(json(std::string("a\xff")) == R"("a\\xff")");
  CHECK(json(std::string("\xc3")) == R"("\\xc3")");                    // cut short
  CHECK(json(std::string("\xc0\xaf")) == R"("\\xc0\\xaf")");           // overlong
  CHECK(json(std::string("\xed\xa0\x80")) == R"("\\xed\\xa0\\x80")");  // a surrogate
  CHECK(json(std::string("\xf4\x90\x80\x80")) == R"("\\xf4\\x90\\x80\\x80")");
  CHECK(json(std::map<std::string, int>{{"\xff", 1}}) == R"({"\\xff":1})");
}

TEST_CASE("durations and times are readable") {
  CHECK(json(1500ms) == R"("1500ms")");
  CHECK(json(-2h) == R"("-2h")");
  CHECK(json(std::chrono::duration<double>(0.25)) == R"("0.25s")");
  CHECK(json(std::chrono::duration<int, std::ratio<1, 3>>(7)) == R"("7[1/3]s")");
  CHECK(json(std::chrono::duration<double>(std::numeric_limits<double>::infinity())) == R"("Infinitys")");
  using std::chrono::sys_days;
  const std::chrono::sys_days day = std::chrono::year(2024) / 5 / 1;
  CHECK(json(day) == R"("2024-05-01T00:00:00Z")");
  CHECK(json(day + 12h + 30min + 250ms) == R"("2024-05-01T12:30:00.250Z")");
  CHECK(json(std::chrono::local_days(day.time_since_epoch()) + 1s) == R"("2024-05-01T00:00:01")");
  CHECK(json(std::chrono::system_clock::time_point(-1ns)) == R"("1969-12-31T23:59:59.999999999Z")");
  CHECK(json(std::chrono::sys_seconds(-62'167'219'201s)) == R"("-62167219201s since 1970-01-01T00:00:00Z")");
  CHECK(json(std::chrono::sys_seconds(253'402'300'799s)) == R"("9999-12-31T23:59:59Z")");
  CHECK(json(std::chrono::sys_seconds(std::chrono::seconds::max())) ==
        R"("9223372036854775807s since 1970-01-01T00:00:00Z")");
  using hours32 = std::chrono::duration<std::int32_t, std::ratio<3600>>;
  CHECK(json(std::chrono::sys_time<hours32>(hours32(1))) == R"("1970-01-01T01:00:00Z")");
  using weeks64 = std::chrono::duration<std::int64_t, std::ratio<604'800>>;  // its seconds do not fit into 64 bits
  CHECK(json(std::chrono::sys_time<weeks64>(weeks64::min())) ==
        R"("-9223372036854775808w since 1970-01-01T00:00:00Z")");
  CHECK(json(std::chrono::time_point<std::chrono::file_clock, std::chrono::seconds>(3s)) ==
        R"("3s since the file clock's epoch")");
}

TEST_CASE("bytes that are no value of the schema are refused") {
  const auto code = [](std::string_view schema, std::string_view bytes) {
    try {
      (void)pawl::schema::parse(schema).to_json(unhex(bytes));
    } catch (const pawl::error& e) {
      return e.code();
    }
    return pawl::errc{};
  };
  CHECK(code("i32", "00") == pawl::errc::codec_failed);
  CHECK(code("i8", "0000") == pawl::errc::codec_failed);
  CHECK(code("bool", "02") == pawl::errc::codec_failed);
  CHECK(code("string", "ffffffff") == pawl::errc::codec_failed);
  CHECK(code("[record{}]", "ffffffff") == pawl::errc::codec_failed);
  CHECK(code("[record{}]", "0100000001") == pawl::errc::codec_failed);
  CHECK(code("array<byte, 4294967295>", "00") == pawl::errc::codec_failed);
  CHECK(code("array<array<array<i64, 4294967295>, 4294967295>, 4294967295>", "00") == pawl::errc::codec_failed);
  CHECK(code("variant<i8>", "0100") == pawl::errc::codec_failed);
}

TEST_CASE("the text is bounded, also where few bytes make much of it") {
  const std::string name(1000, 'n');
  const pawl::schema wordy = pawl::schema::parse("[record{" + name + ": i8}]");
  std::vector<std::byte> many = unhex("00100000");  // 4,096
  many.resize(4 + 4096);
  CHECK(wordy.to_json(many).size() > 4'000'000);
  try {
    (void)wordy.to_json(many, 1'000'000);
    FAIL("nothing was thrown");
  } catch (const pawl::error& e) {
    CHECK(e.code() == pawl::errc::too_large);
  }
}
