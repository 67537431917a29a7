#include "support/catch.hpp"

#include <pawl/source.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <forward_list>
#include <fstream>
#include <iterator>
#include <list>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

// Everything that a source gives, as In.
template <class In, class Range>
std::vector<In> pulled(Range&& range, std::optional<std::uint64_t>* size = nullptr) {
  auto holder = pawl::detail::hold_source<In>(std::forward<Range>(range));
  const pawl::detail::erased_source source = pawl::detail::make_source(holder);
  if (size != nullptr) *size = source.size;
  std::vector<In> all;
  alignas(In) std::byte storage[sizeof(In)];
  while (source.next(source.self, storage)) {
    In* const made = std::launder(reinterpret_cast<In*>(storage));
    all.push_back(std::move(*made));
    made->~In();
  }
  CHECK_FALSE(source.next(source.self, storage));
  return all;
}

using strings = std::vector<std::string>;

// A range of which nothing is known but begin, end and that one can go on.
struct lines {
  struct end_mark {};
  struct iterator {
    lines* from;
    std::string operator*() const { return from->line; }
    iterator& operator++() {
      from->advance();
      return *this;
    }
    bool operator!=(end_mark) const { return from->more; }
  };
  iterator begin() {
    advance();
    return {this};
  }
  end_mark end() { return {}; }
  void advance() {
    more = static_cast<bool>(std::getline(in, line));
    ++reads;
  }
  std::istringstream in;
  std::string line = {};
  bool more = false;
  int reads = 0;
};

}  // namespace

TEST_CASE("every kind of range is a source") {
  const strings abc{"a", "b", "c"};
  CHECK(pulled<std::string>(abc) == abc);
  CHECK(pulled<std::string>(std::list<std::string>{"a", "b", "c"}) == abc);
  CHECK(pulled<std::string>(std::forward_list<std::string>{"a", "b", "c"}) == abc);
  CHECK(pulled<std::string>(std::set<std::string>{"c", "b", "a"}) == abc);
  CHECK(pulled<std::string>(std::initializer_list<std::string>{"a", "b", "c"}) == abc);
  CHECK(pulled<std::string>(std::span<const std::string>(abc)) == abc);
  const char* const literals[] = {"a", "b", "c"};
  CHECK(pulled<std::string>(literals) == abc);
  CHECK(pulled<std::string>(std::array<std::string_view, 3>{"a", "b", "c"}) == abc);
  CHECK(pulled<std::string>(lines{std::istringstream("a\nb\nc\n")}) == abc);
  CHECK(pulled<bool>(std::vector<bool>{true, false}) == std::vector<bool>{true, false});
  CHECK(pulled<std::string>(strings{}).empty());
  CHECK(pulled<std::filesystem::path>(abc).size() == 3);
}

TEST_CASE("a directory is a source") {
  std::string name = (std::filesystem::temp_directory_path() / "pawl_source_XXXXXX").string();
  REQUIRE(mkdtemp(name.data()) != nullptr);
  const std::filesystem::path directory = name;
  std::ofstream(directory / "one");
  std::ofstream(directory / "two");
  auto paths = pulled<std::filesystem::path>(std::filesystem::directory_iterator(directory));
  std::filesystem::remove_all(directory);
  std::sort(paths.begin(), paths.end());
  CHECK(paths == std::vector<std::filesystem::path>{directory / "one", directory / "two"});
}

TEST_CASE("numbers widen where nothing is lost") {
  CHECK(pulled<std::int64_t>(std::vector<int>{1, -2}) == std::vector<std::int64_t>{1, -2});
  CHECK(pulled<double>(std::vector<float>{0.5F}) == std::vector<double>{0.5});
}

TEST_CASE("the size is known where the range knows it") {
  std::optional<std::uint64_t> size;
  (void)pulled<int>(std::vector<int>{1, 2, 3}, &size);
  CHECK(size == 3U);
  const int numbers[] = {1, 2};
  (void)pulled<int>(numbers, &size);
  CHECK(size == 2U);
  (void)pulled<int>(std::forward_list<int>{1}, &size);
  CHECK_FALSE(size.has_value());
}

TEST_CASE("elements are moved out of a container that is given up, and out of no other") {
  const std::string text(40, 'x');
  strings kept{text};
  CHECK(pulled<std::string>(kept) == strings{text});
  CHECK(kept == strings{text});
  CHECK(pulled<std::string>(std::span<std::string>(kept)) == strings{text});
  CHECK(kept == strings{text});
  CHECK(pulled<std::string>(std::move(kept)) == strings{text});
  CHECK(kept.at(0).empty());

  std::vector<std::unique_ptr<int>> owners;
  owners.push_back(std::make_unique<int>(5));
  const auto moved = pulled<std::unique_ptr<int>>(std::move(owners));
  CHECK(*moved.at(0) == 5);
}

TEST_CASE("a range is read no further than asked") {
  lines input{std::istringstream("a\nb\nc\n")};
  auto holder = pawl::detail::hold_source<std::string>(input);
  const auto source = pawl::detail::make_source(holder);
  CHECK(input.reads == 0);
  std::string first;
  first.~basic_string();
  REQUIRE(source.next(source.self, &first));
  CHECK(first == "a");
  CHECK(input.reads == 1);
}

TEST_CASE("a generator is called until it returns nothing, and not again") {
  int calls = 0;
  auto count = pawl::generate([&calls, n = 0]() mutable -> std::optional<int> {
    ++calls;
    if (n == 3) return std::nullopt;
    return n++;
  });
  CHECK(pulled<int>(count) == std::vector<int>{0, 1, 2});
  CHECK(calls == 4);
}

TEST_CASE("a generator may be a temporary, const, give what only moves, and know its size") {
  std::optional<std::uint64_t> size;
  int left = 2;
  const auto down = pawl::generate(
      [&left]() -> std::optional<std::unique_ptr<int>> {
        if (left == 0) return std::nullopt;
        return std::make_unique<int>(left--);
      },
      2);
  CHECK(pulled<std::unique_ptr<int>>(down, &size).size() == 2);
  CHECK(size == 2U);
  CHECK(pulled<std::string>(pawl::generate([]() -> std::optional<std::string_view> { return {}; })).empty());
}

TEST_CASE("what a source throws passes through") {
  auto failing = pawl::generate([]() -> std::optional<int> { throw std::runtime_error("no"); });
  auto held = pawl::detail::hold_source<int>(failing);
  const auto source = pawl::detail::make_source(held);
  int storage = 0;
  CHECK_THROWS_AS(source.next(source.self, &storage), std::runtime_error);
}
