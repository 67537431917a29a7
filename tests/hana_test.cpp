// Structs adapted with Boost.Hana go by their adaptation.
#include "support/catch.hpp"
#include "support/hex.hpp"

#include <pawl/hana.hpp>

#include <boost/hana/adapt_struct.hpp>
#include <boost/hana/define_struct.hpp>

namespace hana_test {

class person {
public:
  person() = default;
  explicit person(std::string n) : name(std::move(n)) {}
  std::string name;
  std::int32_t age = 40;
  double not_adapted = 2.5;
};

struct car {
  BOOST_HANA_DEFINE_STRUCT(car, (std::string, brand), (std::vector<int>, years));
};

struct turned_round {
  float first;
  float second;
};

class no_default {
public:
  explicit no_default(int v) : value(v) {}
  int value;
};

}  // namespace hana_test

BOOST_HANA_ADAPT_STRUCT(hana_test::person, age, name);
BOOST_HANA_ADAPT_STRUCT(hana_test::turned_round, second, first);
BOOST_HANA_ADAPT_STRUCT(hana_test::no_default, value);

using namespace hana_test;

TEST_CASE("an adapted class is stored as its adapted members, in their order") {
  person ann("ann");
  ann.age = 7;
  ann.not_adapted = 9;
  const auto bytes = pawl::encode(ann);
  CHECK(pawl::schema_of<person>().to_string() == "record{age: i32, name: string}");
  CHECK(pawl::testing_support::hex(bytes) == "0700000003000000616e6e");
  const auto back = pawl::decode<person>(bytes);
  CHECK(back.name == "ann");
  CHECK(back.age == 7);
  CHECK(back.not_adapted == 2.5);
}

TEST_CASE("a struct defined with Hana is read under an older schema like any other") {
  const car old{"vw", {1970}};
  CHECK(pawl::decode<car>(pawl::encode(old)).years == old.years);
  const pawl::schema stored = pawl::schema::parse("record{brand: string}");
  CHECK(pawl::decode<car>(pawl::testing_support::unhex("020000007677"), stored).brand == "vw");
}

TEST_CASE("the adapted order decides, not the order in memory") {
  const auto bytes = pawl::encode(std::vector<turned_round>{{1, 2}});
  CHECK(pawl::testing_support::hex(bytes) == "01000000000000400000803f");
  CHECK(pawl::decode<std::vector<turned_round>>(bytes).at(0).second == 2);
}

TEST_CASE("an adapted struct without a default is refused") {
  STATIC_REQUIRE(pawl::detail::why_no_codec<no_default> == pawl::detail::refusal::adapted_without_default);
}
