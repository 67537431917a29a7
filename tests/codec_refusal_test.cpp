// What has no codec is refused for the right reason, by a constant and not by
// an error: the error is made where a codec is needed (tests/compile_fail/).
#include "support/catch.hpp"

#include <pawl/codec.hpp>

#include <memory>

namespace {
struct with_bits {
  int a : 3;
  int b;
};
struct with_array {
  int before;
  int values[3];
};
struct with_array_of_one {
  int before;
  int values[1];
};
struct with_text_array {
  std::string before;
  std::string values[2];
  int after;
};
struct base {
  int of_base;
};
struct no_content {};
struct derived : base {
  int own;
};
struct derived_from_nothing : no_content {
  int own;
};
struct derived_alone : base {};
struct with_reference {
  int& to;
  int own;
};
struct with_anonymous_union {
  int own;
  union {
    int whole;
    float part;
  };
};
union plain_union {
  int whole;
  float part;
};
struct with_union {
  int own;
  plain_union either;
};
struct with_pointer {
  int own;
  const char* text;
};
struct with_view {
  std::vector<std::map<int, std::string_view>> deep;
};
class with_private {
  [[maybe_unused]] int hidden = 0;
};
struct with_constructor {
  explicit with_constructor(int) {}
};
struct abstract {
  virtual ~abstract() = default;
  virtual void f() = 0;
};
struct recursive_pointer {
  std::vector<recursive_pointer> children;
  recursive_pointer* parent;
};
enum plain { plain_a };
struct malformed {};
}  // namespace
template <>
struct pawl::codec<malformed> {
  static void encode(const malformed&, encoder&) {}
};

TEST_CASE("what has no codec is refused for its reason, and never stops the compiler by itself") {
  using pawl::detail::refusal, pawl::detail::why_no_codec;
  STATIC_REQUIRE(why_no_codec<with_bits> == refusal::unnamed_field);
  STATIC_REQUIRE(why_no_codec<with_array> == refusal::c_array);
  STATIC_REQUIRE(why_no_codec<with_array_of_one> == refusal::c_array);
  STATIC_REQUIRE(why_no_codec<with_text_array> == refusal::c_array);
  STATIC_REQUIRE(why_no_codec<derived> == refusal::base_class);
  STATIC_REQUIRE(why_no_codec<derived_from_nothing> == refusal::base_class);
  STATIC_REQUIRE(why_no_codec<derived_alone> == refusal::base_class);
  STATIC_REQUIRE(why_no_codec<with_reference> != refusal::none);
  STATIC_REQUIRE(why_no_codec<with_anonymous_union> == refusal::anonymous_union);
  STATIC_REQUIRE_FALSE(pawl::has_codec_v<with_union>);
  STATIC_REQUIRE(why_no_codec<plain_union> == refusal::plain_union);
  STATIC_REQUIRE(why_no_codec<with_pointer> == refusal::pointer);
  STATIC_REQUIRE(why_no_codec<with_view> == refusal::view);
  STATIC_REQUIRE(why_no_codec<with_private> == refusal::opaque_class);
  STATIC_REQUIRE(why_no_codec<with_constructor> == refusal::opaque_class);
  STATIC_REQUIRE(why_no_codec<abstract> == refusal::nothing);
  STATIC_REQUIRE(why_no_codec<recursive_pointer> == refusal::pointer);
  STATIC_REQUIRE(why_no_codec<plain> == refusal::plain_enum);
  STATIC_REQUIRE(why_no_codec<malformed> == refusal::malformed_codec);
  STATIC_REQUIRE(why_no_codec<std::unique_ptr<int>> == refusal::smart_pointer);
  STATIC_REQUIRE(why_no_codec<std::optional<std::shared_ptr<int>>> == refusal::smart_pointer);
  STATIC_REQUIRE(why_no_codec<std::span<int>> == refusal::view);
  STATIC_REQUIRE(why_no_codec<long double> == refusal::long_double);
  STATIC_REQUIRE(why_no_codec<std::wstring> == refusal::wide_string);
  STATIC_REQUIRE(why_no_codec<std::chrono::steady_clock::time_point> == refusal::steady_time);
  STATIC_REQUIRE(why_no_codec<void> == refusal::nothing);
  STATIC_REQUIRE(why_no_codec<int()> == refusal::nothing);
  STATIC_REQUIRE(why_no_codec<int&> == refusal::reference);
  STATIC_REQUIRE(why_no_codec<int[2]> == refusal::c_array);
  STATIC_REQUIRE(why_no_codec<volatile int> != refusal::nothing);
  STATIC_REQUIRE(pawl::has_codec_v<const std::string>);
}
