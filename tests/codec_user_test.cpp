// Types with a codec that their user wrote.
#include "support/codec_expect.hpp"

#include <memory>

using namespace pawl::testing_support;

namespace {

struct no_default {
  explicit no_default(int v) : value(v) {}
  int value;
  bool operator==(const no_default&) const = default;
};
struct holds_no_default {
  no_default first, second;
  std::vector<no_default> more;
  bool operator==(const holds_no_default&) const = default;
};
struct token {
  std::unique_ptr<int> secret;
};
struct holds_token {
  token first;
  std::vector<token> more;
};
struct uuid {
  std::array<std::uint8_t, 4> bytes{};
  bool operator==(const uuid&) const = default;
};
struct greedy {
  int value = 0;
};
struct wrong_size {};
}  // namespace

template <>
struct pawl::codec<no_default> {
  using stored_as = std::int32_t;
  static std::int32_t to_stored(const no_default& n) { return n.value; }
  static no_default from_stored(std::int32_t value) { return no_default(value); }
};
template <>
struct pawl::codec<token> {
  using stored_as = std::optional<int>;
  static stored_as to_stored(const token& t) { return t.secret ? stored_as(*t.secret) : std::nullopt; }
  static token from_stored(stored_as v) { return v ? token{std::make_unique<int>(*v)} : token{}; }
};
template <>
struct pawl::codec<uuid> {
  static constexpr std::string_view name = "uuid";
  static constexpr std::size_t size = 4;
  static void encode(const uuid& u, encoder& out) { out.write(u.bytes.data(), 4); }
  static uuid decode(decoder& in) {
    uuid u;
    in.read(u.bytes.data(), 4);
    return u;
  }
};
template <>
struct pawl::codec<greedy> {
  static constexpr std::string_view name = "greedy/1";
  static void encode(const greedy& g, encoder& out) { out.put(g.value); }
  static greedy decode(decoder& in) { return {static_cast<int>(in.get<std::int64_t>())}; }
};
template <>
struct pawl::codec<wrong_size> {
  static constexpr std::string_view name = "wrong";
  static constexpr std::size_t size = 2;
  static void encode(const wrong_size&, encoder& out) { out.put(1); }
  static wrong_size decode(decoder&) { return {}; }
};

TEST_CASE("a user's codec stores a type as another one") {
  CHECK(bytes_of(no_default(5)) == "05000000");
  CHECK(pawl::schema_of<holds_no_default>().to_string() == "record{first: i32, second: i32, more: [i32]}");
  CHECK(comes_back(holds_no_default{no_default(1), no_default(2), {no_default(3)}}));
  holds_token holder;
  holder.more.push_back({std::make_unique<int>(9)});
  CHECK(*round_trip(holder).more.at(0).secret == 9);
}

TEST_CASE("a user's codec stores a type as bytes of its own") {
  CHECK(comes_back(std::vector<uuid>{{{1, 2, 3, 4}}, {{5, 6, 7, 8}}}));
  CHECK(bytes_of(uuid{{1, 2, 3, 4}}) == "01020304");
  CHECK(pawl::schema_of<uuid>().to_string() == "custom<\"uuid\", 4>");
  CHECK(bytes_of(greedy{1}) == "0400000001000000");
  CHECK(pawl::schema_of<greedy>().to_string() == "custom<\"greedy/1\">");
}

TEST_CASE("a user's codec that reads or writes too much cannot reach what lies beside it") {
  CHECK(code_of([] { (void)pawl::decode<std::array<greedy, 2>>(pawl::encode(std::array<greedy, 2>{})); }) ==
        pawl::errc::codec_failed);
  CHECK(code_of([] { (void)pawl::encode(wrong_size{}); }) == pawl::errc::codec_failed);
}
