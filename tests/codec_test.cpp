// Every type that has a codec comes back as it was, in exactly the bytes that
// are promised; bytes that are no value are refused.
#include "support/codec_expect.hpp"

#include <cmath>
#include <filesystem>
#include <limits>

using namespace pawl::testing_support;

namespace {

struct point {
  double x = 0, y = 0;
  bool operator==(const point&) const = default;
};
struct empty {
  bool operator==(const empty&) const = default;
};
enum class color : std::uint8_t { red = 1, green = 2 };
enum fixed_plain : int { fixed_plain_a = -7 };

struct page {
  std::string url;
  std::int32_t status = 200;
  bool fresh = true;
  color shade = color::red;
  std::optional<double> score;
  std::vector<point> outline;
  bool operator==(const page&) const = default;
};

struct tree {
  std::string name;
  std::vector<tree> children;
  bool operator==(const tree&) const = default;
};

struct json_value {
  std::variant<std::monostate, double, std::string, std::vector<json_value>, std::map<std::string, json_value>> is;
  bool operator==(const json_value&) const = default;
};

struct with_const {
  const int id = 3;
  std::string name;
};

}  // namespace

TEST_CASE("scalars are their bytes, little-endian") {
  CHECK(bytes_of(std::int8_t{-2}) == "fe");
  CHECK(bytes_of(std::uint16_t{0x1234}) == "3412");
  CHECK(bytes_of(0x12345678) == "78563412");
  CHECK(bytes_of(-1L) == "ffffffffffffffff");
  CHECK(bytes_of(1.0) == "000000000000f03f");
  CHECK(bytes_of(1.0F) == "0000803f");
  CHECK(bytes_of(true) == "01");
  CHECK(bytes_of('a') == "61");
  CHECK(bytes_of(std::byte{0xab}) == "ab");
  CHECK(bytes_of(color::green) == "02");
  CHECK(bytes_of(fixed_plain_a) == "f9ffffff");
  CHECK(bytes_of(u'\u20ac') == "ac20");
}

TEST_CASE("scalars come back at the ends of their ranges") {
  CHECK(comes_back(std::numeric_limits<std::int64_t>::min()));
  CHECK(comes_back(std::numeric_limits<std::uint64_t>::max()));
  CHECK(comes_back(std::numeric_limits<double>::denorm_min()));
  CHECK(comes_back(-std::numeric_limits<float>::infinity()));
  CHECK(std::isnan(round_trip(std::numeric_limits<double>::quiet_NaN())));
  CHECK(std::signbit(round_trip(-0.0)));
  CHECK(comes_back(fixed_plain_a));
}

TEST_CASE("containers begin with a count of four bytes") {
  CHECK(bytes_of(std::string("hi")) == "020000006869");
  CHECK(bytes_of(std::vector<std::int16_t>{1, 2}) == "0200000001000200");
  CHECK(bytes_of(std::vector<bool>{true, false}) == "020000000100");
  CHECK(bytes_of(std::vector<std::byte>{std::byte{7}}) == "0100000007");
  CHECK(bytes_of(std::set<int>{}) == "00000000");
  CHECK(bytes_of(std::map<std::string, bool>{{"a", true}}) == "01000000010000006101");
  CHECK(bytes_of(std::filesystem::path("/x")) == "020000002f78");
}

TEST_CASE("products are their parts and nothing else") {
  CHECK(bytes_of(std::array<std::int16_t, 2>{1, 2}) == "01000200");
  CHECK(bytes_of(std::pair<char, std::int16_t>{'a', 1}) == "610100");
  CHECK(bytes_of(std::tuple<char, bool, char>{'a', true, 'b'}) == "610162");
  CHECK(bytes_of(point{1, 0}) == "000000000000f03f0000000000000000");
  CHECK(bytes_of(page{"u", 1, false, color::green, {}, {}}) ==
        "0100000075010000000002"
        "00"
        "00000000");
  CHECK(bytes_of(std::chrono::milliseconds(3)) == "0300000000000000");
}

TEST_CASE("choices say which in one byte") {
  CHECK(bytes_of(std::optional<char>()) == "00");
  CHECK(bytes_of(std::optional<char>('a')) == "0161");
  CHECK(bytes_of(std::variant<char, std::int16_t>(std::int16_t{1})) == "010100");
}

TEST_CASE("a value without content takes one zero byte, so that every count can be checked") {
  CHECK(bytes_of(std::monostate{}) == "00");
  CHECK(bytes_of(empty{}) == "00");
  CHECK(bytes_of(std::tuple<>{}) == "00");
  CHECK(bytes_of(std::array<int, 0>{}) == "00");
  CHECK(comes_back(std::vector<empty>(3)));
  CHECK(code_of([] { (void)pawl::decode<std::monostate>(unhex("01")); }) == pawl::errc::codec_failed);
}

TEST_CASE("standard types come back as they were") {
  CHECK(comes_back(std::string("with\0zero", 9)));
  CHECK(comes_back(std::string(100'000, 'x')));
  CHECK(comes_back(std::vector<std::string>{"", "a", "bc"}));
  CHECK(comes_back(std::vector<std::vector<int>>{{}, {1}, {2, 3}}));
  CHECK(comes_back(std::vector<bool>{true, false, true}));
  CHECK(comes_back(std::vector<std::byte>(1000, std::byte{0xee})));
  CHECK(comes_back(std::vector<std::int8_t>{-1, 2}));
  CHECK(comes_back(std::array<std::string, 2>{"a", "b"}));
  CHECK(comes_back(std::array<bool, 2>{true, false}));
  CHECK(comes_back(std::optional<std::optional<int>>(std::optional<int>())));
  CHECK(comes_back(std::variant<std::monostate, int, std::string>("text")));
  CHECK(comes_back(std::variant<int, int>(std::in_place_index<1>, 4)));
  CHECK(comes_back(std::tuple<int, std::string, point>{1, "two", {3, 4}}));
  CHECK(comes_back(std::map<int, std::vector<std::string>>{{1, {"a"}}, {2, {}}}));
  CHECK(comes_back(std::unordered_map<std::string, point>{{"a", {1, 2}}, {"b", {3, 4}}}));
  CHECK(comes_back(std::set<std::string>{"x", "y"}));
  CHECK(comes_back(std::unordered_set<int>{5, 6, 7}));
  CHECK(comes_back(std::chrono::hours(-5)));
  CHECK(comes_back(std::chrono::duration<double, std::ratio<1, 3>>(1.5)));
  CHECK(comes_back(std::chrono::system_clock::now()));
  CHECK(comes_back(std::filesystem::path("/some/a b")));
  CHECK(comes_back(std::map<std::pair<int, char>, std::unordered_map<int, bool>>{{{1, 'x'}, {{1, true}}}}));
}

TEST_CASE("plain aggregates come back as they were, nested and recursive ones too") {
  CHECK(comes_back(page{"http://x", 404, false, color::green, 2.5, {{1, 2}, {3, 4}}}));
  CHECK(comes_back(std::vector<page>(10)));
  CHECK(comes_back(tree{"root", {{"leaf", {}}, {"branch", {{"twig", {}}}}}}));
  json_value list;
  list.is = std::vector<json_value>{json_value{2.0}, json_value{std::string("x")}};
  CHECK(comes_back(json_value{std::map<std::string, json_value>{{"list", list}, {"none", {}}}}));
}

TEST_CASE("a recursive value of 200 levels comes back, a deeper one is refused when it is encoded") {
  const auto chain_of = [](int levels) {
    tree whole{"", {}};
    for (int i = 1; i < levels; ++i) {
      tree above{"", {}};
      above.children.push_back(std::move(whole));
      whole = std::move(above);
    }
    return whole;
  };
  CHECK(pawl::encode(round_trip(chain_of(200))).size() == 200 * 8);
  CHECK(code_of([&] { (void)pawl::encode(chain_of(201)); }) == pawl::errc::codec_failed);
}

TEST_CASE("bytes nested deeper than 200 levels are refused, not followed") {
  std::vector<std::byte> bytes;
  for (int i = 0; i < 100'000; ++i) {
    const auto level = unhex("00000000 01000000");
    bytes.insert(bytes.end(), level.begin(), level.end());
  }
  const auto leaf = unhex("00000000 00000000");
  bytes.insert(bytes.end(), leaf.begin(), leaf.end());
  CHECK(code_of([&] { (void)pawl::decode<tree>(bytes); }) == pawl::errc::codec_failed);
  CHECK(code_of([&] { (void)pawl::schema_of<tree>().to_json(bytes); }) == pawl::errc::codec_failed);
}

TEST_CASE("unordered containers give the same bytes whatever the order of insertion") {
  std::unordered_map<std::string, int> forward, backward;
  std::unordered_set<int> ones, others;
  backward.reserve(10'000);
  for (int i = 0; i < 1000; ++i) {
    forward.emplace(std::to_string(i), i);
    backward.emplace(std::to_string(999 - i), 999 - i);
    ones.insert(i);
    others.insert(999 - i);
  }
  CHECK(pawl::encode(forward) == pawl::encode(backward));
  CHECK(pawl::encode(ones) == pawl::encode(others));
  CHECK(bytes_of(std::unordered_set<std::string>{"b", "ab", "a"}) ==
        "03000000"
        "0100000061"
        "0100000062"
        "020000006162");
}

TEST_CASE("fields that are const or have no default are decoded in place") {
  CHECK(round_trip(with_const{7, "n"}).id == 7);
  CHECK(round_trip(with_const{}).id == 3);
}

TEST_CASE("a value that ends too early, or too late, is refused") {
  const auto bytes = pawl::encode(page{"http://x", 404, false, color::green, 2.5, {{1, 2}}});
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK(code_of([&] { (void)pawl::decode<page>(std::span(bytes).first(size)); }) == pawl::errc::codec_failed);
  auto longer = bytes;
  longer.push_back({});
  CHECK(code_of([&] { (void)pawl::decode<page>(longer); }) == pawl::errc::codec_failed);
}

TEST_CASE("bytes that no value has are refused") {
  const auto refused = []<class T>(std::type_identity<T>, std::string_view bytes) {
    return code_of([&] { (void)pawl::decode<T>(unhex(bytes)); }) == pawl::errc::codec_failed;
  };
  CHECK(refused(std::type_identity<bool>{}, "02"));
  CHECK(refused(std::type_identity<std::vector<bool>>{}, "01000000 ff"));
  CHECK(refused(std::type_identity<std::optional<int>>{}, "02 00000000"));
  CHECK(refused(std::type_identity<std::variant<int, char>>{}, "02 00000000"));
  CHECK(refused(std::type_identity<std::set<char>>{}, "02000000 61 61"));
  CHECK(refused(std::type_identity<std::unordered_map<char, char>>{}, "02000000 6161 6162"));
  CHECK(refused(std::type_identity<std::string>{}, "ffffffff 6161"));
  CHECK(refused(std::type_identity<std::vector<std::string>>{}, "00000040 00000000"));
}

TEST_CASE("a container that is too long for its count is refused") {
  pawl::detail::buffer out;
  CHECK(code_of([&] { pawl::detail::put_count(out, std::size_t{1} << 32); }) == pawl::errc::too_large);
  pawl::detail::put_count(out, (std::size_t{1} << 32) - 1);
  CHECK(hex(out.bytes()) == "ffffffff");
}

TEST_CASE("values can be written one behind the other, and read so") {
  pawl::detail::buffer out;
  pawl::encode(7, out);
  pawl::encode(std::string("x"), out);
  pawl::decoder in(out.bytes());
  CHECK(pawl::decode<int>(in) == 7);
  CHECK(pawl::decode<std::string>(in) == "x");
  CHECK(in.remaining() == 0);
}
