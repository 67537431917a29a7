// Any bytes give a value or a typed error, and allocate no more than the input's
// size warrants: truncated, flipped, spliced, and random ones, with counts that lie.
#include "support/asked.hpp"
#include "support/catch.hpp"
#include "support/counted.hpp"

#include <pawl/codec.hpp>
#include <pawl/error.hpp>

#include <algorithm>
#include <cstring>
#include <random>

using pawl::testing_support::allocation_count;
using pawl::testing_support::counted;

namespace {

using text = std::basic_string<char, std::char_traits<char>, counted<char>>;
template <class T>
using list = std::vector<T, counted<T>>;
template <class K, class V>
using table = std::map<K, V, std::less<K>, counted<std::pair<const K, V>>>;
template <class K, class V>
using hashed = std::unordered_map<K, V, std::hash<K>, std::equal_to<K>, counted<std::pair<const K, V>>>;

enum class color : std::uint8_t { red, green };
struct point {
  float x = 0, y = 0;
};
struct wide {
  std::array<std::int64_t, 64> numbers{};
};
struct leaf {
  bool flag = false;
  color shade = color::red;
  std::optional<text> note;
  std::variant<std::monostate, std::int32_t, text, list<point>> any;
};
struct branch {
  text name;
  list<leaf> leaves;
  table<text, list<std::int16_t>> index;
  hashed<std::uint8_t, text> small;
  list<bool> bits;
  list<std::byte> raw;
  std::array<text, 2> pair;
  std::tuple<std::int8_t, double> numbers;
  list<std::optional<wide>> sparse;
};
struct tree {
  text name;
  list<tree> children;
};
struct old_leaf {
  color shade = color::red;
  std::variant<std::monostate, std::int16_t, text> any;
};
struct old_branch {
  list<old_leaf> leaves;
  text gone;
  text name;
};

// Values of every shape, small ones mostly.
class maker {
public:
  explicit maker(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }
  text word() {
    text made;
    for (std::size_t n = below(12); n > 0; --n) made += static_cast<char>(below(256));
    return made;
  }
  template <class T, class F>
  list<T> some(std::size_t max, F make) {
    list<T> made;
    for (std::size_t n = below(max + 1); n > 0; --n) made.push_back(make());
    return made;
  }
  leaf make(leaf*) {
    leaf made{below(2) == 0, color::green, {}, {}};
    if (below(2) == 0) made.note = word();
    switch (below(4)) {
      case 1:
        made.any = static_cast<std::int32_t>(below(1000));
        break;
      case 2:
        made.any = word();
        break;
      case 3:
        made.any = some<point>(3, [] { return point{1, 2}; });
        break;
      default:
        break;
    }
    return made;
  }
  branch make(branch*) {
    branch made;
    made.name = word();
    made.leaves = some<leaf>(4, [&] { return make(static_cast<leaf*>(nullptr)); });
    for (std::size_t n = below(4); n > 0; --n)
      made.index[word()] = some<std::int16_t>(4, [] { return std::int16_t{7}; });
    for (std::size_t n = below(4); n > 0; --n) made.small[static_cast<std::uint8_t>(below(256))] = word();
    made.bits = some<bool>(9, [&] { return below(2) == 0; });
    made.raw = some<std::byte>(9, [&] { return static_cast<std::byte>(below(256)); });
    made.pair = {word(), word()};
    if (below(4) == 0) made.sparse = {std::nullopt, wide{}};
    return made;
  }
  tree make(tree*) {
    tree made{word(), {}};
    if (depth_ < 6) {
      ++depth_;
      made.children = some<tree>(2, [&] { return make(static_cast<tree*>(nullptr)); });
      --depth_;
    }
    return made;
  }
  old_branch make(old_branch*) {
    old_branch made;
    made.name = word();
    made.leaves = some<old_leaf>(4, [&] { return old_leaf{color::green, word()}; });
    return made;
  }

  void damage(std::vector<std::byte>& bytes) {
    for (std::size_t edits = 1 + below(4); edits > 0; --edits) {
      const std::size_t at = below(bytes.size() + 1);
      const auto place = bytes.begin() + static_cast<std::ptrdiff_t>(at);
      switch (below(6)) {
        case 0:
          bytes.resize(at);
          break;
        case 1:
          bytes.insert(place, below(8), std::byte{0});
          break;
        case 2:
          bytes.erase(place, bytes.begin() + static_cast<std::ptrdiff_t>(std::min(bytes.size(), at + below(5))));
          break;
        case 3:  // a count that lies
          for (std::size_t i = at; i < std::min(bytes.size(), at + 4); ++i)
            bytes[i] = below(2) == 0 ? std::byte{0xff} : std::byte{0x01};
          break;
        default:
          if (at < bytes.size()) bytes[at] ^= static_cast<std::byte>(1U << below(8));
      }
    }
  }

private:
  std::mt19937_64 random_;
  int depth_ = 0;
};

// The promise of pawl::decode: 16 bytes of memory for each byte of input ahead of the elements that were
// read, on each of at most five levels of containers here; and what the elements take themselves: at most
// 520 bytes for one (list<optional<wide>>), and twice that while a list grows.
std::size_t allowed(std::size_t input) { return 5 * 16 * input + 3 * 520 * input + 4096; }

template <class T, class Decode>
bool gives_value_or_error(std::span<const std::byte> bytes, Decode decode) {
  auto& count = allocation_count::here();
  count.peak = count.now;
  const std::size_t before = count.now;
  bool value = true;
  try {
    const T made = decode(bytes);
    REQUIRE(pawl::encode(made).size() == bytes.size());
  } catch (const pawl::error& e) {
    REQUIRE(e.code() == pawl::errc::codec_failed);
    value = false;
  }
  REQUIRE(count.now == before);
  REQUIRE(count.peak - before <= allowed(bytes.size()));
  return value;
}

template <class T>
void attack(unsigned seed, int rounds) {
  maker make(seed);
  const pawl::schema& schema = pawl::schema_of<T>();
  int values = 0;
  for (int round = 0; round < rounds; ++round) {
    std::vector<std::byte> bytes = pawl::encode(make.make(static_cast<T*>(nullptr)));
    REQUIRE(pawl::encode(pawl::decode<T>(bytes)) == bytes);
    if (round % 8 == 0)
      for (std::byte& byte : bytes) byte = static_cast<std::byte>(make.below(256));
    else
      make.damage(bytes);
    const bool value = gives_value_or_error<T>(bytes, [](auto input) { return pawl::decode<T>(input); });
    values += value;
    // What can be decoded can be printed too.
    try {
      (void)schema.to_json(bytes);
    } catch (const pawl::error& e) {
      REQUIRE(e.code() == pawl::errc::codec_failed);
      REQUIRE_FALSE(value);
    }
  }
  CHECK(values > 0);  // some damage does not show in the structure; else nothing above was reached
  CHECK(values < rounds);
}

}  // namespace

TEST_CASE("damaged bytes of any type give a value or a typed error, in bounded memory") {
  const unsigned seed = pawl::test::asked_seed();
  INFO("seed " << seed);
  attack<leaf>(seed, 4000);
  attack<branch>(seed, 4000);
  attack<tree>(seed, 4000);
}

TEST_CASE("damaged bytes under an older schema give a value or a typed error, in bounded memory") {
  const unsigned seed = pawl::test::asked_seed();
  INFO("seed " << seed);
  maker make(seed);
  const pawl::schema stored = pawl::schema::parse(pawl::schema_of<old_branch>().canonical());
  for (int round = 0; round < 4000; ++round) {
    std::vector<std::byte> bytes = pawl::encode(make.make(static_cast<old_branch*>(nullptr)));
    CHECK_NOTHROW(pawl::decode<branch>(bytes, stored));
    make.damage(bytes);
    auto& count = allocation_count::here();
    const std::size_t before = count.now;
    try {
      (void)pawl::decode<branch>(bytes, stored);
    } catch (const pawl::error& e) {
      REQUIRE(e.code() == pawl::errc::codec_failed);
    }
    REQUIRE(count.now == before);
  }
}

TEST_CASE("a count that lies allocates nothing for what is not there") {
  const auto peak_of = []<class T>(std::type_identity<T>, std::size_t size) {
    std::vector<std::byte> bytes(size, std::byte{0});
    bytes[0] = bytes[1] = bytes[2] = bytes[3] = std::byte{0xff};
    auto& count = allocation_count::here();
    count.peak = count.now = 0;
    CHECK_THROWS_AS(pawl::decode<T>(bytes), pawl::error);
    return count.peak;
  };
  CHECK(peak_of(std::type_identity<text>{}, 1000) == 0);
  CHECK(peak_of(std::type_identity<list<std::int64_t>>{}, 1000) == 0);
  CHECK(peak_of(std::type_identity<list<text>>{}, 1000) == 0);
  CHECK(peak_of(std::type_identity<list<std::monostate>>{}, 1000) == 0);
}

TEST_CASE("what is reserved ahead is bounded by the input, also for large elements") {
  // A million elements are claimed, each may take one byte, and each takes 520 in memory; the second is no element.
  std::vector<std::byte> bytes(4 + 1'000'000, std::byte{2});
  const std::uint32_t claimed = 1'000'000;
  std::memcpy(bytes.data(), &claimed, sizeof claimed);
  auto& count = allocation_count::here();
  count.peak = count.now = 0;
  CHECK_THROWS_AS(pawl::decode<list<std::optional<wide>>>(bytes), pawl::error);
  CHECK(count.peak > 0);
  CHECK(count.peak <= 16 * bytes.size() + 4096);
}
