#include "support/catch.hpp"

#include "record/key.hpp"

#include <pawl/error.hpp>
#include <pawl/workflow.hpp>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <new>
#include <string>
#include <string_view>

namespace {

enum class colour : std::int8_t { red = -1, green = 1 };

struct order {
  std::string id;
  int number = 0;
  colour shade = colour::red;
  std::filesystem::path file;
  [[nodiscard]] std::string_view view() const { return id; }
};

const auto keyed = pawl::workflow<"orders">(pawl::step<"s">([](const order& o) { return o.number; }));

template <class In>
std::string key_of(const pawl::detail::chain& chain, const In& input) {
  std::string key;
  pawl::core::key_writer writer(key);
  REQUIRE(chain.key != nullptr);
  chain.key(chain.key_self, &input, writer);
  return pawl::core::printable_key(key) + (key[0] == pawl::core::key_tag_text ? " (text)" : " (number)");
}
template <class Projection>
std::string projected(Projection projection) {
  const auto workflow = keyed.key(projection);
  return key_of(*pawl::detail::chain_of(workflow), order{"abc", -7, colour::green, "/tmp/x"});
}

// The input of a workflow of In, written as a key and made again from it.
template <class In>
In there_and_back(const In& input) {
  const auto workflow = pawl::workflow<"w", In>(pawl::step<"s">([](const In&) {}));
  const auto& chain = *pawl::detail::chain_of(workflow);
  REQUIRE(chain.input_is_key);
  std::string key;
  pawl::core::key_writer writer(key);
  chain.key(chain.key_self, &input, writer);
  const auto parts = pawl::core::split_key(key);
  union storage {
    storage() {}
    ~storage() {}
    In value;
  } made;
  chain.input_from_key(&made.value, parts.number, parts.text);
  In back = made.value;
  made.value.~In();
  return back;
}

}  // namespace

TEST_CASE("members, member functions and lambdas are projections") {
  CHECK(projected(&order::id) == "abc (text)");
  CHECK(projected(&order::number) == "-7 (number)");
  CHECK(projected(&order::view) == "abc (text)");
  CHECK(projected([](const order& o) { return o.id + "!"; }) == "abc! (text)");
  CHECK(projected([](const order& o) { return o.id.c_str(); }) == "abc (text)");
}

TEST_CASE("text, paths, integers and enums are keys, and are told apart") {
  CHECK(projected(&order::file) == "/tmp/x (text)");
  CHECK(projected(&order::shade) == "1 (number)");
  CHECK(projected([](const order&) { return std::string("1"); }) == "1 (text)");
  CHECK(projected([](const order&) { return std::numeric_limits<std::uint64_t>::max(); }) ==
        "18446744073709551615 (number)");
  CHECK(projected([](const order&) { return std::numeric_limits<std::int64_t>::min(); }) ==
        "-9223372036854775808 (number)");
  CHECK(projected([](const order&) { return std::string("a\0b", 3); }) == "a\\x00b (text)");
}

TEST_CASE("a key leaves the workflow that it was asked of as it is, and may be replaced") {
  CHECK(pawl::detail::chain_of(keyed)->key == nullptr);
  const auto by_id = keyed.key(&order::id);
  const auto by_number = by_id.key(&order::number);
  CHECK(pawl::detail::chain_of(keyed)->key == nullptr);
  CHECK(key_of(*pawl::detail::chain_of(by_id), order{"x", 1, {}, {}}) == "x (text)");
  CHECK(key_of(*pawl::detail::chain_of(by_number), order{"x", 1, {}, {}}) == "1 (number)");
}

TEST_CASE("a projection lives as long as a workflow that uses it") {
  const auto make = [] { return keyed.key([salt = std::string(50, 's')](const order& o) { return salt + o.id; }); };
  const auto workflow = make();
  CHECK(key_of(*pawl::detail::chain_of(workflow), order{"x", 1, {}, {}}) == std::string(50, 's') + "x (text)");
}

TEST_CASE("strings, paths and integers are their own key, and can be made again from it") {
  CHECK(there_and_back<std::string>("a\0b") == "a\0b");
  CHECK(there_and_back<std::string>("") == "");
  CHECK(there_and_back<std::filesystem::path>("/tmp/x") == "/tmp/x");
  CHECK(there_and_back<int>(-5) == -5);
  CHECK(there_and_back<std::int8_t>(-128) == -128);
  CHECK(there_and_back<std::uint64_t>(~0ULL) == ~0ULL);
  CHECK(there_and_back<colour>(colour::red) == colour::red);
}

TEST_CASE("with a key of its own an input is stored, not rebuilt") {
  const auto plain = pawl::workflow<"w">(pawl::step<"s">([](const std::string&) {}));
  CHECK(pawl::detail::chain_of(plain)->input_is_key);
  const auto shortened = plain.key([](const std::string& s) { return s.substr(0, 1); });
  CHECK_FALSE(pawl::detail::chain_of(shortened)->input_is_key);
  CHECK(pawl::detail::chain_of(shortened)->input_from_key == nullptr);
}

TEST_CASE("a stored number that does not fit the input's type any more is refused") {
  const auto workflow = pawl::workflow<"w">(pawl::step<"s">([](std::int8_t) {}));
  std::int8_t made = 0;
  CHECK_THROWS_AS(pawl::detail::chain_of(workflow)->input_from_key(&made, 1000, {}), pawl::error);
}

TEST_CASE("a struct is no key by itself") {
  CHECK(pawl::detail::chain_of(keyed)->key == nullptr);
  CHECK_FALSE(pawl::detail::chain_of(keyed)->input_is_key);
}

TEST_CASE("what a projection throws passes through the table") {
  const auto workflow = keyed.key([](const order&) -> int { throw std::runtime_error("no"); });
  std::string key;
  pawl::core::key_writer writer(key);
  const order input;
  const auto& chain = *pawl::detail::chain_of(workflow);
  CHECK_THROWS_AS(chain.key(chain.key_self, &input, writer), std::runtime_error);
}
