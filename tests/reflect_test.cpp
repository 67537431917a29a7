// Fields of plain aggregates are counted and named, whatever they are made of.
#include "support/catch.hpp"

#include <pawl/codec.hpp>

#include <functional>
#include <memory>
#include <string>

using namespace pawl::detail;

namespace {

template <class T>
std::string names() {
  std::string all;
  for (const std::string_view name : names_of<T, aggregate_of<T>.count>) {
    if (!all.empty()) all += ' ';
    all += name;
  }
  return all;
}

struct nothing {};
struct one {
  int a;
};
struct nested {
  one first;
  struct {
    int x, y;
  } second;
  one third;
};
struct of_everything {
  std::string text;
  std::optional<std::optional<std::string>> maybe;
  std::variant<std::monostate, int, std::string> either;
  std::array<std::string, 3> three;
  std::array<std::array<int, 2>, 2> square;
  std::map<std::string, std::vector<one>> table;
  std::chrono::milliseconds took{5};
  std::tuple<int, std::string> pair;
  bool flag = true;
  std::vector<bool> bits;
  long double precise = 0;
};
struct only_moves {
  std::unique_ptr<int> owned;
  std::function<void()> call;
  const int fixed = 4;
};
class no_default {
public:
  explicit no_default(int v) : value_(v) {}
  no_default(no_default&&) = default;
  [[nodiscard]] int value() const { return value_; }

private:
  int value_;
};
struct without_defaults {
  int before;
  no_default middle;
  no_default last;
};
struct with_empty {
  [[no_unique_address]] nothing none;
  int after;
};
template <class A, class B>
struct of_template {
  A first_of_two;
  std::vector<B> second_;
};
struct alignas(64) aligned {
  char c;
  double d;
};
struct takes_anything {
  takes_anything() = default;
  template <class T>
  explicit takes_anything(T&&) {}
};
struct holds_takes_anything {
  takes_anything any;
  int after;
};
struct ten {
  int a, b, c, d, e, f, g, h, i, j;
};
struct eleven {
  int a, b, c, d, e, f, g, h, i, j, k;
};
// clang-format off
struct hundred {
  int f0 = 0; int f1 = 1; int f2 = 2; int f3 = 3; int f4 = 4; int f5 = 5; int f6 = 6; int f7 = 7; int f8 = 8;
  int f9 = 9; int f10 = 10; int f11 = 11; int f12 = 12; int f13 = 13; int f14 = 14; int f15 = 15; int f16 =
  16; int f17 = 17; int f18 = 18; int f19 = 19; int f20 = 20; int f21 = 21; int f22 = 22; int f23 = 23; int
  f24 = 24; int f25 = 25; int f26 = 26; int f27 = 27; int f28 = 28; int f29 = 29; int f30 = 30; int f31 = 31;
  int f32 = 32; int f33 = 33; int f34 = 34; int f35 = 35; int f36 = 36; int f37 = 37; int f38 = 38; int f39 =
  39; int f40 = 40; int f41 = 41; int f42 = 42; int f43 = 43; int f44 = 44; int f45 = 45; int f46 = 46; int
  f47 = 47; int f48 = 48; int f49 = 49; int f50 = 50; int f51 = 51; int f52 = 52; int f53 = 53; int f54 = 54;
  int f55 = 55; int f56 = 56; int f57 = 57; int f58 = 58; int f59 = 59; int f60 = 60; int f61 = 61; int f62 =
  62; int f63 = 63; int f64 = 64; int f65 = 65; int f66 = 66; int f67 = 67; int f68 = 68; int f69 = 69; int
  f70 = 70; int f71 = 71; int f72 = 72; int f73 = 73; int f74 = 74; int f75 = 75; int f76 = 76; int f77 = 77;
  int f78 = 78; int f79 = 79; int f80 = 80; int f81 = 81; int f82 = 82; int f83 = 83; int f84 = 84; int f85 =
  85; int f86 = 86; int f87 = 87; int f88 = 88; int f89 = 89; int f90 = 90; int f91 = 91; int f92 = 92; int
  f93 = 93; int f94 = 94; int f95 = 95; int f96 = 96; int f97 = 97; int f98 = 98; int f99 = 99;
};
struct hundred_and_one {
  int f0 = 0; int f1 = 1; int f2 = 2; int f3 = 3; int f4 = 4; int f5 = 5; int f6 = 6; int f7 = 7; int f8 = 8;
  int f9 = 9; int f10 = 10; int f11 = 11; int f12 = 12; int f13 = 13; int f14 = 14; int f15 = 15; int f16 =
  16; int f17 = 17; int f18 = 18; int f19 = 19; int f20 = 20; int f21 = 21; int f22 = 22; int f23 = 23; int
  f24 = 24; int f25 = 25; int f26 = 26; int f27 = 27; int f28 = 28; int f29 = 29; int f30 = 30; int f31 = 31;
  int f32 = 32; int f33 = 33; int f34 = 34; int f35 = 35; int f36 = 36; int f37 = 37; int f38 = 38; int f39 =
  39; int f40 = 40; int f41 = 41; int f42 = 42; int f43 = 43; int f44 = 44; int f45 = 45; int f46 = 46; int
  f47 = 47; int f48 = 48; int f49 = 49; int f50 = 50; int f51 = 51; int f52 = 52; int f53 = 53; int f54 = 54;
  int f55 = 55; int f56 = 56; int f57 = 57; int f58 = 58; int f59 = 59; int f60 = 60; int f61 = 61; int f62 =
  62; int f63 = 63; int f64 = 64; int f65 = 65; int f66 = 66; int f67 = 67; int f68 = 68; int f69 = 69; int
  f70 = 70; int f71 = 71; int f72 = 72; int f73 = 73; int f74 = 74; int f75 = 75; int f76 = 76; int f77 = 77;
  int f78 = 78; int f79 = 79; int f80 = 80; int f81 = 81; int f82 = 82; int f83 = 83; int f84 = 84; int f85 =
  85; int f86 = 86; int f87 = 87; int f88 = 88; int f89 = 89; int f90 = 90; int f91 = 91; int f92 = 92; int
  f93 = 93; int f94 = 94; int f95 = 95; int f96 = 96; int f97 = 97; int f98 = 98; int f99 = 99;
  int f100 = 100;
};
// clang-format on

}  // namespace

TEST_CASE("every field has its name, in order") {
  CHECK(names<nothing>().empty());
  CHECK(names<one>() == "a");
  CHECK(names<nested>() == "first second third");
  CHECK(names<of_everything>() == "text maybe either three square table took pair flag bits precise");
  CHECK(names<only_moves>() == "owned call fixed");
  CHECK(names<without_defaults>() == "before middle last");
  CHECK(names<with_empty>() == "none after");
  CHECK(names<of_template<int, std::string>>() == "first_of_two second_");
  CHECK(names<of_template<of_template<int, char>, nested>>() == "first_of_two second_");
  CHECK(names<aligned>() == "c d");
  CHECK(names<holds_takes_anything>() == "any after");
  CHECK(names<ten>() == "a b c d e f g h i j");
  CHECK(names<eleven>() == "a b c d e f g h i j k");
}

TEST_CASE("types declared in a function have named fields too") {
  struct local {
    int count_of_things;
    std::string the_name;
  };
  CHECK(names<local>() == "count_of_things the_name");
}

TEST_CASE("a hundred fields are taken apart, one more is refused") {
  STATIC_REQUIRE(aggregate_of<hundred>.count == 100);
  CHECK(names_of<hundred, 100>[0] == "f0");
  CHECK(names_of<hundred, 100>[57] == "f57");
  CHECK(names_of<hundred, 100>[99] == "f99");
  const auto bytes = pawl::encode(hundred{});
  CHECK(bytes.size() == 400);
  CHECK(pawl::decode<hundred>(bytes).f99 == 99);
  STATIC_REQUIRE(aggregate_of<hundred_and_one>.fault == aggregate_fault::uncountable);
  STATIC_REQUIRE(why_no_codec<hundred_and_one> == refusal::uncountable);
}

TEST_CASE("the types of the fields are told, const where they are") {
  STATIC_REQUIRE(std::is_same_v<aggregate_fields<without_defaults>, type_list<int, no_default, no_default>>);
  STATIC_REQUIRE(
      std::is_same_v<aggregate_fields<only_moves>, type_list<std::unique_ptr<int>, std::function<void()>, const int>>);
}

TEST_CASE("what is no aggregate is told apart from what is an unfit one") {
  STATIC_REQUIRE(aggregate_of<no_default>.fault == aggregate_fault::not_aggregate);
  STATIC_REQUIRE(aggregate_of<std::string>.fault == aggregate_fault::not_aggregate);
  STATIC_REQUIRE(aggregate_of<int>.fault == aggregate_fault::not_aggregate);
}
