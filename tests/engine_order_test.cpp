// Runs over items of earlier runs that come in any order, amid new ones and each other's duplicates.
#include <pawl/pawl.hpp>

#include "support/catch.hpp"
#include "support/quiet.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <stdexcept>
#include <vector>

using pawl::test::quiet;
using pawl::test::temp_dir;

namespace {

constexpr int count = 2000;

std::vector<int> shuffled(int from, int to, unsigned seed) {
  std::vector<int> all;
  for (int i = from; i < to; ++i) all.push_back(i);
  std::mt19937 random(seed);
  std::shuffle(all.begin(), all.end(), random);
  return all;
}

// Fails what `fails` says, in its second step; counts the calls of the first.
struct trial {
  std::map<int, int> calls;
  bool (*fails)(int) = nullptr;

  auto workflow() {
    return pawl::workflow<"w">(pawl::step<"a">([this](const int& n) {
                                 ++calls[n];
                                 return n + 1;
                               }),
                               pawl::step<"b">([this](const int& n) {
                                 if (fails != nullptr && fails(n - 1)) throw std::runtime_error("down");
                                 return n * 2;
                               }));
  }
};

bool every_fifth(int n) { return n % 5 == 0; }

pawl::engine_options with_window(std::size_t items) {
  pawl::engine_options options = quiet();
  options.window_items = items;
  return options;
}

}  // namespace

TEST_CASE("done, failed, new and doubled items that come in any order are each found to be what they are") {
  const std::size_t window = GENERATE(as<std::size_t>(), 1, 2, 63, 64, 200, 8192);
  const temp_dir dir;
  trial first;
  first.fails = every_fifth;
  {
    pawl::engine engine(dir / "state", with_window(window));
    const pawl::report report = engine.run(first.workflow(), shuffled(0, count, 1));
    CHECK(report.done == count - count / 5);
    CHECK(report.failed == count / 5);
  }
  std::vector<int> again = shuffled(0, count + 500, 2);
  std::mt19937 random(3);
  for (int i = 0; i < 300; ++i) {  // far away, and as neighbours
    again.insert(again.begin() + static_cast<int>(random() % again.size()), again[random() % again.size()]);
    const auto at = again.begin() + static_cast<int>(random() % again.size());
    again.insert(at, *at);
  }
  trial second;
  pawl::engine engine(dir / "state", with_window(window));
  const auto workflow = second.workflow();
  const pawl::report report = engine.run(workflow, again);
  CHECK(report.items == count + 500);
  CHECK(report.done == count + 500);
  CHECK(report.duplicates == 600);
  CHECK(report.settled_before == count - count / 5);
  CHECK(report.resumed == count / 5);  // inside themselves: their first step is not called again
  CHECK(second.calls.size() == 500);
  for (const auto& [number, calls] : second.calls) {
    INFO("item " << number);
    CHECK(number >= count);
    CHECK(calls == 1);
  }
  for (const int number : {0, 1, 5, count - 1, count, count + 499}) CHECK(engine.result(workflow, number) == (number + 1) * 2);
}

TEST_CASE("new items get their ids in the order of the source, whatever lies between them") {
  const temp_dir dir;
  trial one;
  pawl::engine engine(dir / "state", quiet());
  const auto workflow = one.workflow();
  CHECK(engine.run(workflow, shuffled(0, count, 4)).done == count);
  std::vector<int> mixed = shuffled(0, count, 5);
  std::vector<int> fresh = shuffled(count, 2 * count, 6);
  for (std::size_t i = 0; i < fresh.size(); ++i) mixed.insert(mixed.begin() + static_cast<int>(2 * i), fresh[i]);
  CHECK(engine.run(workflow, mixed).settled_before == count);
  std::vector<int> expected = shuffled(0, count, 4);
  expected.insert(expected.end(), fresh.begin(), fresh.end());
  std::vector<int> listed;
  for (const auto& [key, result] : engine.results(workflow)) listed.push_back(result / 2 - 1);
  CHECK(listed == expected);
}

TEST_CASE("a source that throws amid a group of settled items loses none of those it gave") {
  const temp_dir dir;
  trial one;
  pawl::engine engine(dir / "state", quiet());
  const auto workflow = one.workflow();
  CHECK(engine.run(workflow, shuffled(0, count, 7)).done == count);
  std::vector<int> given = shuffled(0, count, 8);
  given.resize(1000);
  given.push_back(count);  // a new one, right before the end
  std::size_t next = 0;
  const auto source = [&]() -> std::optional<int> {
    if (next == given.size()) throw std::runtime_error("the line is down");
    return given[next++];
  };
  CHECK_THROWS_AS(engine.run(workflow, pawl::generate(source)), pawl::error);
  CHECK(engine.result(workflow, count) == (count + 1) * 2);
  const pawl::report report = engine.run(workflow, given);
  CHECK(report.settled_before == given.size());
  CHECK(report.steps == 0);
}
