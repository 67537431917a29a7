// The seam's table of a type: what the engine may do with its values.
#include "support/codec_expect.hpp"

#include <pawl/detail/value_type.hpp>

#include <limits>
#include <memory>

using namespace pawl::testing_support;

namespace {

struct point {
  double x = 0, y = 0;
  bool operator==(const point&) const = default;
};
struct page {
  std::string url;
  std::int32_t status = 200;
  std::vector<point> outline;
  bool operator==(const page&) const = default;
};
struct with_pointer {
  int own;
  const char* text;
};
struct only_moves {
  std::vector<std::unique_ptr<int>> owned;
};
struct token {
  std::unique_ptr<int> secret;
};

}  // namespace

template <>
struct pawl::codec<token> {
  using stored_as = std::optional<int>;
  static stored_as to_stored(const token& t) { return t.secret ? stored_as(*t.secret) : std::nullopt; }
  static token from_stored(stored_as v) { return v ? token{std::make_unique<int>(*v)} : token{}; }
};
namespace {
struct holds_token {
  token first;
  std::vector<token> more;
};
}  // namespace

TEST_CASE("the seam's table is one object for each type, and says what can be done with it") {
  const auto& of_page = pawl::detail::value_type_of<page>();
  CHECK(&of_page == &pawl::detail::value_type_of<page>());
  CHECK(of_page.size == sizeof(page));
  CHECK(of_page.align == alignof(page));
  CHECK(of_page.cpp_name.find("page") != std::string_view::npos);
  CHECK(of_page.destroy != nullptr);
  CHECK(of_page.copy != nullptr);
  CHECK(&of_page.describe() == &pawl::schema_of<page>());
  CHECK(pawl::detail::value_type_of<point>().destroy == nullptr);

  const auto& of_token = pawl::detail::value_type_of<holds_token>();
  CHECK(of_token.copy == nullptr);
  CHECK(of_token.encode != nullptr);
  CHECK(of_token.same == nullptr);

  const auto& of_pointer = pawl::detail::value_type_of<with_pointer>();
  CHECK(of_pointer.copy != nullptr);
  CHECK(of_pointer.describe == nullptr);
  CHECK(of_pointer.encode == nullptr);
  CHECK(of_pointer.decode == nullptr);
  CHECK(pawl::detail::value_type_of<std::vector<std::unique_ptr<int>>>().copy == nullptr);
  CHECK(pawl::detail::value_type_of<std::vector<with_pointer>>().same == nullptr);
}

TEST_CASE("the seam's table encodes, decodes, compares and copies") {
  const auto& of_page = pawl::detail::value_type_of<page>();
  const page value{"u", 1, {{1, 2}}};
  pawl::detail::buffer bytes;
  of_page.encode(&value, bytes);
  alignas(page) std::byte storage[sizeof(page)];
  pawl::decoder in(bytes.bytes());
  of_page.decode(storage, in, nullptr);
  CHECK(in.remaining() == 0);
  CHECK(of_page.same(storage, &value));
  of_page.destroy(storage);
  CHECK(of_page.copy(storage, &value));
  CHECK(of_page.same(storage, &value));
  of_page.destroy(storage);

  bytes.put('x');
  pawl::decoder longer(bytes.bytes());
  CHECK(code_of([&] { of_page.decode(storage, longer, nullptr); }) == pawl::errc::codec_failed);
}

TEST_CASE("a value with a NaN in it is the same as itself, and not as another") {
  const auto& of_point = pawl::detail::value_type_of<point>();
  const point nan{std::numeric_limits<double>::quiet_NaN(), 1};
  const point other{std::numeric_limits<double>::quiet_NaN(), 2};
  CHECK(of_point.same(&nan, &nan));
  CHECK_FALSE(of_point.same(&nan, &other));
}
