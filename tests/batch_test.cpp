// A batch: checkpoints in the order in which they are folded, and items that wait for the next one.
#include "store/batch.hpp"
#include "support/asked.hpp"
#include "support/catch.hpp"
#include "support/checkpoints.hpp"

#include <map>
#include <random>
#include <vector>

using namespace pawl::core;
using namespace pawl::test;

namespace {

using item_story = std::vector<std::uint32_t>;  // sequences

void gather(batch& into, const checkpoint_group& group) {
  const auto bytes = group.bytes();
  into.gather({&bytes, 1});
}

// What the batch holds, by item, in its order; fails where items do not ascend or are given twice.
std::map<item_id, item_story> stories(const batch& of) {
  std::map<item_id, item_story> all;
  for (std::size_t place = 0; place < of.size();) {
    const batch::run run = of.run_at(place);
    const item_id item = item_of_address(run.address);
    REQUIRE((all.empty() || all.rbegin()->first < item));
    for (std::size_t i = run.first; i < run.last; ++i) {
      REQUIRE(of.at(i).header.item == item);
      all[item].push_back(of.at(i).header.sequence);
    }
    place = run.last;
  }
  return all;
}

said ended(item_id item, std::uint32_t sequence) {
  return {.item = item, .sequence = sequence, .flags = checkpoint_flag::last};
}

}  // namespace

TEST_CASE("from the first unfinished item on, what is new waits for the next batch, once") {
  batch all;
  checkpoint_group first;
  first.completed({.item = 1, .sequence = 7});                     // begun in an earlier batch, not finished
  first.admitted({.item = 10}).completed(ended(10, 2));
  first.admitted({.item = 11}).completed({.item = 11, .sequence = 2});  // not finished
  first.admitted({.item = 12}).completed(ended(12, 2));
  first.completed({.item = 20, .sequence = 5});
  gather(all, first);
  REQUIRE(all.set_unfinished_aside());
  CHECK(stories(all) == std::map<item_id, item_story>{{1, {7}}, {10, {1, 2}}, {20, {5}}});

  checkpoint_group second;
  second.admitted({.item = 13});
  second.completed({.item = 11, .sequence = 3});  // still not finished: folded all the same
  gather(all, second);
  REQUIRE(all.set_unfinished_aside());
  CHECK(stories(all) == std::map<item_id, item_story>{{11, {1, 2, 3}}, {12, {1, 2}}});

  gather(all, {});
  CHECK_FALSE(all.set_unfinished_aside());
  CHECK(stories(all) == std::map<item_id, item_story>{{13, {1}}});
  gather(all, {});
  CHECK(all.size() == 0);
}

TEST_CASE("addresses as far apart as they can be are sorted like others") {
  batch all;
  checkpoint_group far;
  far.completed({.item = (item_id{1} << item_bits) - 1, .sequence = 2, .workflow = 65535});
  far.completed({.item = 0, .sequence = 3, .workflow = 0});
  far.completed({.item = 1, .sequence = 4, .workflow = 0});
  gather(all, far);
  REQUIRE(all.size() == 3);
  CHECK(all.at(0).header.sequence == 3);
  CHECK(all.at(1).header.sequence == 4);
  CHECK(all.at(2).header.sequence == 2);
}

TEST_CASE("where all have ended nothing waits") {
  batch all;
  checkpoint_group group;
  group.admitted({.item = 2}).failed({.item = 2, .sequence = 2}).admitted({.item = 1}).skipped({.item = 1, .sequence = 2});
  gather(all, group);
  CHECK_FALSE(all.set_unfinished_aside());
  CHECK(stories(all) == std::map<item_id, item_story>{{1, {1, 2}}, {2, {1, 2}}});
}

TEST_CASE("whatever waits, every checkpoint is folded once, and those of an item in their order") {
  const auto seed = asked_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 50; ++round) {
    batch all;
    std::vector<checkpoint_group> kept;  // records stay in place as long as the batch holds them
    kept.reserve(64);
    std::map<item_id, std::uint32_t> written;
    std::map<item_id, item_story> folded;
    item_id next = 0;
    const auto fold_all = [&] {
      for (const auto& [item, story] : stories(all)) folded[item].insert(folded[item].end(), story.begin(), story.end());
    };
    for (int batches = 0; batches < 20; ++batches) {
      checkpoint_group& group = kept.emplace_back();
      for (int records = 0; records < 30; ++records) {
        const item_id item = random() % 3 == 0 || next == 0 ? next++ : next - 1 - random() % std::min<item_id>(next, 12);
        const std::uint32_t sequence = ++written[item];
        if (sequence == 1) group.admitted({.item = item});
        else group.completed({.item = item, .sequence = sequence,
                              .flags = random() % 3 == 0 ? checkpoint_flag::last : std::uint8_t{0}});
      }
      gather(all, group);
      if (random() % 4 != 0) static_cast<void>(all.set_unfinished_aside());
      fold_all();
    }
    gather(all, {});
    fold_all();
    for (const auto& [item, last] : written) {
      item_story expected(last);
      for (std::uint32_t i = 0; i < last; ++i) expected[i] = i + 1;
      REQUIRE(folded[item] == expected);
    }
    REQUIRE(folded.size() == written.size());
  }
}
