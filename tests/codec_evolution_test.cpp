// Values written by an older version of a type are read as the newer one, or
// refused with the place and both types.
#include "support/catch.hpp"

#include <pawl/codec.hpp>
#include <pawl/error.hpp>

namespace {

// Writes as one type, reads as the other: once knowing the stored schema as an
// object, once from its text, as it comes from a state.
template <class New, class Old>
New read_as(const Old& value) {
  const auto bytes = pawl::encode(value);
  const pawl::schema stored = pawl::schema::parse(pawl::schema_of<Old>().canonical());
  CHECK(stored.why_not_readable_as(pawl::schema_of<New>()).empty());
  return pawl::decode<New>(bytes, stored);
}

template <class New, class Old>
std::string why_refused(const Old& value = {}) {
  CHECK_FALSE(pawl::schema_of<Old>().why_not_readable_as(pawl::schema_of<New>()).empty());
  try {
    (void)pawl::decode<New>(pawl::encode(value), pawl::schema_of<Old>());
  } catch (const pawl::error& e) {
    CHECK(e.code() == pawl::errc::schema_mismatch);
    return e.what();
  }
  FAIL("nothing was thrown");
  return {};
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

namespace v1 {
struct author {
  std::string name;
};
struct page {
  std::string url;
  std::int32_t status;
  std::string html;
  author by;
};
struct book {
  std::vector<page> pages;
  std::map<std::string, author> authors;
};
struct tree {
  std::int16_t weight;
  std::vector<tree> children;
};
struct left_alone {};
}  // namespace v1

namespace v2 {
struct author {
  std::string name;
  std::optional<std::string> mail = "unknown";
};
struct page {
  std::int64_t status = -1;
  author by;
  std::vector<std::string> tags = {"untagged"};
  std::string url;
};
struct book {
  std::map<std::string, author> authors;
  std::vector<page> pages;
  int edition = 1;
};
struct tree {
  std::vector<tree> children;
  double weight;
  std::string label = "none";
};
struct left_alone {
  int added = 8;
};
}  // namespace v2

}  // namespace

TEST_CASE("fields are matched by name; a new one takes its initialiser, one that went is skipped") {
  const auto page = read_as<v2::page>(v1::page{"u", 404, std::string(1000, 'h'), {"ann"}});
  CHECK(page.url == "u");
  CHECK(page.status == 404);
  CHECK(page.by.name == "ann");
  CHECK(page.by.mail == "unknown");
  CHECK(page.tags == std::vector<std::string>{"untagged"});
}

TEST_CASE("fields are matched at any depth") {
  const auto book = read_as<v2::book>(v1::book{{{"a", 1, "", {"x"}}, {"b", 2, "", {"y"}}}, {{"k", {"z"}}}});
  CHECK(book.edition == 1);
  REQUIRE(book.pages.size() == 2);
  CHECK(book.pages[1].url == "b");
  CHECK(book.pages[1].status == 2);
  CHECK(book.pages[1].by.name == "y");
  CHECK(book.authors.at("k").name == "z");
  CHECK(book.authors.at("k").mail == "unknown");
}

TEST_CASE("recursive types are read through all their levels") {
  const auto tree = read_as<v2::tree>(v1::tree{1, {{2, {}}, {3, {{4, {}}}}}});
  CHECK(tree.weight == 1.0);
  CHECK(tree.children.at(1).children.at(0).weight == 4.0);
  CHECK(tree.children.at(1).children.at(0).label == "none");
}

TEST_CASE("a record without fields may gain some, and lose them") {
  CHECK(read_as<v2::left_alone>(v1::left_alone{}).added == 8);
  CHECK_NOTHROW(read_as<v1::left_alone>(v2::left_alone{}));
  CHECK(read_as<std::vector<v2::left_alone>>(std::vector<v1::left_alone>(3)).size() == 3);
}

TEST_CASE("what is no longer wanted is skipped, whatever it is") {
  struct after {
    int kept;
  };
  struct before {
    std::array<std::string, 0> nothing;
    std::array<std::string, 2> two;
    std::tuple<> none;
    std::variant<std::monostate, std::vector<std::string>> either;
    std::map<std::string, std::optional<std::string>> table;
    std::set<int> numbers;
    std::vector<std::byte> raw;
    int kept;
  };
  const before old{{},     {"a", "bc"},    {}, std::vector<std::string>{"d"}, {{"e", "f"}, {"g", {}}},
                   {1, 2}, {std::byte{3}}, 42};
  CHECK(read_as<after>(old).kept == 42);
}

TEST_CASE("numbers are widened where nothing is lost") {
  CHECK(read_as<std::int64_t>(std::int32_t{-5}) == -5);
  CHECK(read_as<std::int16_t>(std::int8_t{-128}) == -128);
  CHECK(read_as<std::int64_t>(std::uint32_t{4'000'000'000}) == 4'000'000'000);
  CHECK(read_as<std::uint64_t>(std::uint32_t{4'000'000'000}) == 4'000'000'000);
  CHECK(read_as<double>(0.1F) == static_cast<double>(0.1F));
  CHECK(read_as<double>(std::uint32_t{4'294'967'295}) == 4'294'967'295.0);
  CHECK(read_as<double>(std::int32_t{-7}) == -7.0);
  CHECK(read_as<float>(std::int16_t{-32'768}) == -32'768.0F);
}

TEST_CASE("numbers are not read where something might be lost") {
  CHECK(has(why_refused<std::int32_t, std::int64_t>(), "the value is stored as i64 and wanted as i32"));
  CHECK(has(why_refused<std::uint64_t, std::int32_t>(), "i32"));
  CHECK(has(why_refused<std::int32_t, std::uint32_t>(), "u32"));
  CHECK(has(why_refused<float, double>(), "f64"));
  CHECK(has(why_refused<double, std::int64_t>(), "i64"));
  CHECK(has(why_refused<float, std::int32_t>(), "i32"));
  CHECK(has(why_refused<int, float>(), "f32"));
  CHECK(has(why_refused<int, bool>(), "bool"));
  CHECK(has(why_refused<std::int8_t, char>(), "char"));
}

TEST_CASE("enums and times are widened like their numbers, and are not numbers") {
  enum class narrow : std::int8_t { a = -3 };
  enum class wide : std::int32_t { a = -3 };
  CHECK(read_as<wide>(narrow::a) == wide::a);
  CHECK(has(why_refused<int, narrow>(), "stored as enum<i8> and wanted as i32"));
  using std::chrono::duration;
  CHECK(read_as<duration<double>>(duration<int>(3)) == duration<double>(3));
  CHECK(has(why_refused<std::chrono::milliseconds, std::chrono::seconds>(), "duration<i64, 1/1>"));
  CHECK(has(why_refused<std::chrono::local_seconds, std::chrono::sys_seconds>(), "local_time"));
}

TEST_CASE("a value may become optional, and stays so") {
  CHECK(read_as<std::optional<int>>(3) == 3);
  CHECK(read_as<std::optional<std::int64_t>>(std::int32_t{3}) == 3);
  CHECK(read_as<std::optional<std::int64_t>>(std::optional<std::int32_t>(3)) == 3);
  CHECK(read_as<std::optional<std::int64_t>>(std::optional<std::int32_t>()) == std::nullopt);
  CHECK(read_as<std::optional<v2::author>>(v1::author{"n"})->mail == "unknown");
  CHECK(has(why_refused<int, std::optional<int>>(), "stored as optional<i32>"));
}

TEST_CASE("containers are read as their elements are") {
  CHECK(read_as<std::vector<std::int64_t>>(std::vector<std::int32_t>{1, -2}) == std::vector<std::int64_t>{1, -2});
  CHECK(read_as<std::vector<std::int64_t>>(std::array<std::int32_t, 2>{1, -2}) == std::vector<std::int64_t>{1, -2});
  CHECK(read_as<std::vector<int>>(std::array<int, 0>{}).empty());
  CHECK(read_as<std::array<double, 2>>(std::array<float, 2>{1, 2}) == std::array<double, 2>{1, 2});
  CHECK(read_as<std::set<std::int64_t>>(std::unordered_set<std::int32_t>{3, 1}) == std::set<std::int64_t>{1, 3});
  CHECK(read_as<std::map<std::int64_t, double>>(std::unordered_map<int, float>{{1, 2.0F}}).at(1) == 2.0);
  CHECK(read_as<std::tuple<std::int64_t, std::string>>(std::tuple<int, std::string>{1, "x"}) ==
        std::tuple<std::int64_t, std::string>{1, "x"});
  CHECK(has(why_refused<std::array<int, 3>, std::array<int, 2>>(), "array<i32, 2>"));
  CHECK(has(why_refused<std::tuple<int, int>, std::tuple<int>>(), "tuple<i32>"));
  CHECK(has(why_refused<std::set<int>, std::vector<int>>(), "[i32]"));
}

TEST_CASE("a variant may gain alternatives at its end") {
  using before = std::variant<std::int32_t, std::string>;
  using after = std::variant<std::int64_t, std::string, double>;
  CHECK(read_as<after>(before(7)) == after(std::int64_t{7}));
  CHECK(read_as<after>(before("x")) == after("x"));
  CHECK(has(why_refused<before, std::variant<std::int32_t, std::string, double>>(), "variant"));
  CHECK(has(why_refused<std::variant<std::string, std::int32_t>, before>(), "'<0>' is stored as i32"));
}

namespace {
namespace v3 {
struct author {
  int name = 0;
};
struct book {
  std::vector<v1::page> pages;
  std::map<std::string, author> authors;
};
struct pointless {
  explicit pointless(int v) : value(v) {}
  int value;
};
struct cannot_be_made {
  std::string name;
  pointless added;
};
struct may_lack {
  pointless name_length;
  std::optional<int> added;
};
struct has_length {
  std::int32_t name_length;
};
}  // namespace v3
}  // namespace
template <>
struct pawl::codec<v3::pointless> {
  using stored_as = std::int32_t;
  static std::int32_t to_stored(const v3::pointless& p) { return p.value; }
  static v3::pointless from_stored(std::int32_t v) { return v3::pointless(v); }
};

TEST_CASE("a refusal names the field with its path, and both types, whatever is stored") {
  CHECK(has(why_refused<v3::book, v1::book>(), "'authors[].name' is stored as string and wanted as i32"));
  CHECK(has(why_refused<std::vector<v3::author>, std::vector<v1::author>>(), "'[].name' is stored as string"));
  CHECK(
      has(why_refused<v1::author, std::string>(), "the value is stored as string and wanted as record{name: string}"));
}

TEST_CASE("a new field needs a type that can be default-constructed, or to be optional") {
  CHECK(has(why_refused<v3::cannot_be_made, v1::author>(), "'added' of type i32 is not stored"));
  CHECK(read_as<v3::may_lack>(v3::has_length{4}).added == std::nullopt);
}

TEST_CASE("trailing bytes are refused under an older schema too") {
  auto bytes = pawl::encode(v1::author{"n"});
  bytes.push_back({});
  CHECK_THROWS_AS(pawl::decode<v2::author>(bytes, pawl::schema_of<v1::author>()), pawl::error);
}
