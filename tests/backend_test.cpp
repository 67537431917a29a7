// What store/backend.hpp promises, asked of every backend.
#include "store/backend.hpp"
#include "lmdb/open.hpp"

#include "support/asked.hpp"
#include "support/catch.hpp"
#include "support/checkpoints.hpp"
#include "support/memory_backend.hpp"
#include "support/temp_dir.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <map>
#include <random>

using namespace pawl;
using namespace pawl::core;
using namespace pawl::test;

namespace {

constexpr std::size_t threshold = 64 * 1024;

chain_revision three_steps() {
  chain_revision chain;
  chain.input_schema = 5;
  chain.steps = {{.name = "read", .result_schema = 11},
                 {.name = "transform", .kind = step_kind::pure, .version = 2, .result_schema = 12, .keep = true},
                 {.name = "write"}};
  return chain;
}

struct lmdb_store {
  temp_dir where;
  std::unique_ptr<backend> made = open_lmdb(where.path() / "test.pawl", {.large_threshold = threshold});
};
struct memory_store {
  std::unique_ptr<backend> made = std::make_unique<memory_backend>(memory_hooks{}, threshold);
};

template <class Store>
struct opened : Store {
  backend& store = *this->made;
  workflow_record workflow = store.open_workflow("crawl", three_steps(), {});

  void commit(const checkpoint_group& group) {
    const std::span<const std::byte> groups[] = {group.bytes()};
    store.commit(groups);
  }
  // `last` says how far the item goes: 0 is admitted only, 3 is done.
  void take(std::uint64_t item, const std::string& key, int last) {
    checkpoint_group group;
    add(group, item, key, last);
    commit(group);
  }
  void add(checkpoint_group& group, std::uint64_t item, const std::string& key, int last) const {
    group.admitted({.item = item, .text = key, .payload = payload_of(5, "in"), .workflow = workflow.id});
    for (int step = 0; step < last; ++step)
      group.completed({.item = item,
                       .sequence = static_cast<std::uint32_t>(step + 2),
                       .step = static_cast<std::uint16_t>(step),
                       .payload = step == 2 ? "" : payload_of(11, "result " + std::to_string(step)),
                       .flags = step == 2 ? checkpoint_flag::last : std::uint8_t{0},
                       .workflow = workflow.id});
  }
  std::string fetched(const stored_item& item, const stored_payload& payload, snapshot& from) const {
    std::vector<std::byte> into;
    from.fetch(workflow.id, item, payload, into);
    return text_of(into);
  }
};

std::string random_bytes(std::mt19937& random, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

}  // namespace

TEMPLATE_TEST_CASE("a workflow is found again by its name, and a chain by what it is", "", lmdb_store, memory_store) {
  opened<TestType> one;
  CHECK(one.workflow.revisions.size() == 1);
  CHECK(one.workflow.next_item == 0);
  const workflow_record again = one.store.open_workflow("crawl", three_steps(), {});
  CHECK(again.id == one.workflow.id);
  CHECK(again.current == one.workflow.current);
  CHECK(again.revisions.size() == 1);

  chain_revision changed = three_steps();
  changed.steps[2].version = 7;
  const workflow_record next = one.store.open_workflow("crawl", changed, {});
  CHECK(next.id == one.workflow.id);
  CHECK(next.current == 1);
  REQUIRE(next.revisions.size() == 2);
  CHECK(next.revisions[0].steps == three_steps().steps);
  CHECK(next.revisions[1].steps == changed.steps);
  CHECK(next.revisions[1].input_schema == 5);
  CHECK(one.store.open_workflow("crawl", three_steps(), {}).current == 0);

  const workflow_record other = one.store.open_workflow("other", three_steps(), {});
  CHECK(other.id != one.workflow.id);
  const auto all = one.store.read()->workflows();
  REQUIRE(all.size() == 2);
  CHECK(all[0].name == "crawl");
  CHECK(all[0].revisions.size() == 2);
  CHECK(all[1].name == "other");
}

TEMPLATE_TEST_CASE("a schema is stored once and read by its hash", "", lmdb_store, memory_store) {
  opened<TestType> one;
  const std::string canonical(10'000, 's');
  const schema_record schemas[] = {{11, "small"}, {12, canonical}};
  static_cast<void>(one.store.open_workflow("crawl", three_steps(), schemas));
  const auto view = one.store.read();
  CHECK(view->schema(11) == "small");
  CHECK(view->schema(12) == canonical);
  CHECK(view->schema(13).empty());
}

TEMPLATE_TEST_CASE("what is committed is seen by a snapshot that is refreshed, and by no other", "", lmdb_store,
                   memory_store) {
  opened<TestType> one;
  const auto before = one.store.read();
  one.take(0, text_key("a"), 1);
  stored_item item;
  CHECK_FALSE(before->find(one.workflow.id, text_key("a"), item, true));
  before->refresh();
  REQUIRE(before->find(one.workflow.id, text_key("a"), item, true));
  CHECK(item.id == 0);
  CHECK(item.state == item_state::in_progress);
  CHECK(item.reached == 1);
  CHECK(item.result_step == 1);
  CHECK(text_of(item.result.in_place) == "result 0");
  CHECK(item.result.schema_hash == 11);
  CHECK(text_of(item.input.in_place) == "in");
  CHECK(item.times.size() == 1);
  one.take(1, text_key("b"), 3);
  CHECK_FALSE(before->load(one.workflow.id, 1, item));
  CHECK(before->count(one.workflow.id).by_state[2] == 0);
  before->refresh();
  CHECK(before->load(one.workflow.id, 1, item));
  CHECK(before->count(one.workflow.id).by_state[2] == 1);
}

TEMPLATE_TEST_CASE("counts follow the items through their states", "", lmdb_store, memory_store) {
  opened<TestType> one;
  for (std::uint64_t item = 0; item < 4; ++item)
    one.take(item, text_key("k" + std::to_string(item)), static_cast<int>(item));
  checkpoint_group group;
  group.failed({.item = 1, .sequence = 3, .step = 1, .text = "no", .workflow = one.workflow.id});
  group.skipped({.item = 2, .sequence = 4, .step = 2, .text = "why", .workflow = one.workflow.id});
  one.commit(group);
  const auto counts = one.store.read()->count(one.workflow.id);
  CHECK(counts.by_state == std::array<std::uint64_t, 5>{1, 0, 1, 1, 1});
  CHECK(counts.completed == std::vector<std::uint64_t>{3, 2, 1});
  one.commit(
      checkpoint_group().reset({.item = 3, .sequence = 5, .step = 1, .generation = 1, .workflow = one.workflow.id}));
  const auto after = one.store.read()->count(one.workflow.id);
  CHECK(after.by_state == std::array<std::uint64_t, 5>{1, 1, 0, 1, 1});
  CHECK(after.completed == std::vector<std::uint64_t>{3, 1, 0});
}

TEMPLATE_TEST_CASE("steps completed under an older chain count where the newest has a step of that name", "",
                   lmdb_store, memory_store) {
  opened<TestType> one;
  one.take(0, text_key("old"), 3);
  chain_revision changed = three_steps();
  changed.steps = {{.name = "fetch"}, {.name = "transform"}};
  const auto next = one.store.open_workflow("crawl", changed, {});
  one.commit(checkpoint_group()
                 .admitted({.item = 1, .text = text_key("new"), .revision = next.current, .workflow = next.id})
                 .completed({.item = 1, .sequence = 2, .revision = next.current, .workflow = next.id}));
  CHECK(one.store.read()->count(next.id).completed == std::vector<std::uint64_t>{1, 1});
}

TEMPLATE_TEST_CASE("checkpoints of one item fold in their sequence whatever groups they come in", "", lmdb_store,
                   memory_store) {
  opened<TestType> one;
  checkpoint_group late, early;
  late.completed({.item = 0, .sequence = 3, .step = 1, .payload = payload_of(12, "two"), .workflow = one.workflow.id});
  early.admitted({.item = 0, .text = text_key("a"), .workflow = one.workflow.id});
  early.completed({.item = 0, .sequence = 2, .payload = payload_of(11, "one"), .workflow = one.workflow.id});
  const std::span<const std::byte> groups[] = {late.bytes(), early.bytes()};
  one.store.commit(groups);
  one.store.commit(groups);  // and once more: old news
  stored_item item;
  REQUIRE(one.store.read()->find(one.workflow.id, text_key("a"), item, true));
  CHECK(item.reached == 2);
  CHECK(item.sequence == 3);
}

TEMPLATE_TEST_CASE("any key is found again: empty, binary, long, alike in its first bytes", "", lmdb_store,
                   memory_store) {
  opened<TestType> one;
  std::vector<std::string> keys{text_key(""), text_key(std::string(1, '\0')), text_key(std::string(2, '\0')),
                                std::string("\2\0\0\0\0\0\0\0\1", 9),
                                std::string("\1\377\377\377\377\377\377\377\377", 9)};
  for (const std::size_t size : {507u, 508u, 509u, 510u, 511u, 2000u, 2100u, 65'536u})
    for (const char last : {'x', 'y'}) keys.push_back(text_key(std::string(size - 1, 'k') + last));
  checkpoint_group group;
  for (std::size_t i = 0; i < keys.size(); ++i) one.add(group, i, keys[i], static_cast<int>(i % 4));
  one.commit(group);
  const auto view = one.store.read();
  stored_item item;
  for (int round = 0; round < 2; ++round)
    for (std::size_t i = keys.size(); i-- > 0;) {
      const std::size_t at = round == 0 ? i : keys.size() - 1 - i;
      REQUIRE(view->find(one.workflow.id, keys[at], item, round == 0));
      CHECK(item.id == at);
      CHECK(item.key == keys[at]);
    }
  CHECK_FALSE(view->find(one.workflow.id, text_key("nobody"), item, true));
  CHECK_FALSE(view->find(one.workflow.id, text_key(std::string(65'536, 'k')), item, true));
  CHECK_FALSE(view->find(static_cast<workflow_id>(one.workflow.id + 1), keys[0], item, true));
}

TEMPLATE_TEST_CASE("results of any size come back, also when they replace one another", "", lmdb_store, memory_store) {
  opened<TestType> one;
  const auto seed = asked_seed();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const std::size_t sizes[] = {0, 1, 100, 1800, 1899, 1900, 1901, 2000, 2100, 4079, 4080, 4081, 8160, threshold};
  std::map<std::uint64_t, std::string> results;
  std::uint64_t id = 0;
  for (const std::size_t first : sizes)
    for (const std::size_t second : {std::size_t{0}, std::size_t{1000}, std::size_t{1950}, std::size_t{20'000}}) {
      checkpoint_group group;
      group.admitted({.item = id,
                      .text = text_key(std::to_string(id)),
                      .payload = payload_of(5, random_bytes(random, second)),
                      .workflow = one.workflow.id});
      group.completed({.item = id,
                       .sequence = 2,
                       .payload = payload_of(11, random_bytes(random, first)),
                       .flags = id % 3 == 0 ? checkpoint_flag::keep : std::uint8_t{0},
                       .workflow = one.workflow.id});
      one.commit(group);
      results[id] = random_bytes(random, second);
      one.commit(checkpoint_group().completed(
          {.item = id, .sequence = 3, .step = 1, .payload = payload_of(12, results[id]), .workflow = one.workflow.id}));
      ++id;
    }
  const auto view = one.store.read();
  stored_item item;
  for (const auto& [which, bytes] : results) {
    REQUIRE(view->load(one.workflow.id, which, item));
    REQUIRE(item.result.present);
    CHECK(item.result.size == bytes.size());
    CHECK(item.result_step == 2);
    CHECK(one.fetched(item, item.result, *view) == bytes);
    CHECK(one.fetched(item, item.input, *view).size() == item.input.size);
    REQUIRE(item.kept.size() == (which % 3 == 0 ? 1u : 0u));
    if (!item.kept.empty()) CHECK(one.fetched(item, item.kept[0].second, *view).size() == sizes[which / 4]);
  }
}

TEMPLATE_TEST_CASE("a value above the threshold is stored by its writer and named by a checkpoint", "", lmdb_store,
                   memory_store) {
  opened<TestType> one;
  const std::string value(3'000'001, 'v');
  const large_object named = one.store.store_large(11, std::as_bytes(std::span{value}));
  CHECK(one.store.large_threshold() == threshold);
  one.take(0, text_key("a"), 0);
  one.commit(checkpoint_group().completed({.item = 0,
                                           .sequence = 2,
                                           .payload = payload_of(named),
                                           .flags = checkpoint_flag::large,
                                           .workflow = one.workflow.id}));
  const auto view = one.store.read();
  stored_item item;
  REQUIRE(view->find(one.workflow.id, text_key("a"), item, true));
  CHECK(item.result.schema_hash == 11);
  CHECK(item.result.size == value.size());
  CHECK(item.result.in_place.empty());
  CHECK(one.fetched(item, item.result, *view) == value);
}

TEMPLATE_TEST_CASE("a scan gives items in the order of their ids, all or those of one state", "", lmdb_store,
                   memory_store) {
  opened<TestType> one;
  static_cast<void>(one.store.open_workflow("other", three_steps(), {}));
  checkpoint_group group;
  for (std::uint64_t id = 0; id < 30; ++id) {
    one.add(group, id, text_key(std::to_string(id)), 1);
    if (id % 3 == 1) group.failed({.item = id, .sequence = 3, .step = 1, .text = "no", .workflow = one.workflow.id});
  }
  group.admitted({.item = 3, .text = text_key("x"), .workflow = static_cast<std::uint16_t>(one.workflow.id + 1)});
  one.commit(group);
  const auto view = one.store.read();
  const auto ids = [&](item_id from, const item_state* state, std::size_t at_most) {
    std::vector<item_id> seen;
    view->scan(one.workflow.id, from, state, [&](const stored_item& item) {
      seen.push_back(item.id);
      return seen.size() < at_most;
    });
    return seen;
  };
  CHECK(ids(0, nullptr, 100).size() == 30);
  CHECK(ids(27, nullptr, 100) == std::vector<item_id>{27, 28, 29});
  CHECK(ids(5, nullptr, 2) == std::vector<item_id>{5, 6});
  const item_state failed = item_state::failed;
  CHECK(ids(0, &failed, 100).size() == 10);
  CHECK(ids(20, &failed, 100) == std::vector<item_id>{22, 25, 28});
  const item_state running = item_state::in_progress;
  CHECK(ids(20, &running, 3) == std::vector<item_id>{20, 21, 23});
  const item_state skipped = item_state::skipped;
  CHECK(ids(0, &skipped, 100).empty());
  group = checkpoint_group();
  group.completed({.item = 22, .sequence = 4, .step = 1, .workflow = one.workflow.id});
  one.commit(group);
  view->refresh();
  CHECK(ids(20, &failed, 100) == std::vector<item_id>{25, 28});
}

TEMPLATE_TEST_CASE("finding in the order of ids goes on across absent keys, refreshes and other workflows", "",
                   lmdb_store, memory_store) {
  opened<TestType> one;
  const auto other = one.store.open_workflow("other", three_steps(), {});
  checkpoint_group group;
  for (std::uint64_t id = 0; id < 200; ++id) one.add(group, id, text_key("k" + std::to_string(id)), 1);
  group.admitted({.item = 0, .text = text_key("k7"), .workflow = other.id});
  one.commit(group);
  const auto view = one.store.read();
  stored_item item;
  for (std::uint64_t id = 0; id < 200; ++id) {
    if (id % 7 == 0) CHECK_FALSE(view->find(one.workflow.id, text_key("no" + std::to_string(id)), item, false));
    if (id % 11 == 0) view->refresh();
    if (id % 50 == 13) {
      REQUIRE(view->find(other.id, text_key("k7"), item, false));
      CHECK(item.id == 0);
    }
    REQUIRE(view->find(one.workflow.id, text_key("k" + std::to_string(id)), item, false));
    CHECK(item.id == id);
  }
  REQUIRE(view->find(one.workflow.id, text_key("k3"), item, false));
  CHECK(item.id == 3);
  REQUIRE(view->find(one.workflow.id, text_key("k199"), item, false));
  CHECK_FALSE(view->find(one.workflow.id, text_key("k200"), item, false));
}

TEMPLATE_TEST_CASE("the next item's id follows the greatest that was admitted", "", lmdb_store, memory_store) {
  opened<TestType> one;
  one.take(41, text_key("a"), 0);
  one.take(7, text_key("b"), 0);
  CHECK(one.store.read()->workflows()[0].next_item == 42);
  CHECK(one.store.open_workflow("crawl", three_steps(), {}).next_item == 42);
}

TEMPLATE_TEST_CASE("what is removed is gone with its key, its values and its counts, and its id is not given again", "",
                   lmdb_store, memory_store) {
  opened<TestType> one;
  for (const std::uint64_t id : {0u, 1u, 2u, 3u}) one.take(id, text_key("k" + std::to_string(id)), id == 2 ? 1 : 3);
  const auto before = one.store.read();
  const item_id gone[] = {1, 3, 17};  // the last of which never was
  one.store.remove(one.workflow.id, gone, 5);
  const auto view = one.store.read();
  stored_item item;
  CHECK_FALSE(view->find(one.workflow.id, text_key("k1"), item, true));
  CHECK_FALSE(view->load(one.workflow.id, 3, item));
  REQUIRE(view->find(one.workflow.id, text_key("k0"), item, true));
  CHECK(item.state == item_state::done);
  REQUIRE(view->find(one.workflow.id, text_key("k2"), item, true));
  CHECK(one.fetched(item, item.result, *view) == "result 0");
  const workflow_counts counts = view->count(one.workflow.id);
  CHECK(counts.by_state == std::array<std::uint64_t, 5>{0, 1, 1, 0, 0});
  CHECK(counts.completed == std::vector<std::uint64_t>{2, 1, 1});
  std::vector<item_id> left;
  view->scan(one.workflow.id, 0, nullptr, [&](const stored_item& each) {
    left.push_back(each.id);
    return true;
  });
  CHECK(left == std::vector<item_id>{0, 2});
  CHECK(before->load(one.workflow.id, 3, item));  // a snapshot from before still has it

  // Removing again changes nothing; the key can come again, with another id.
  one.store.remove(one.workflow.id, gone, 6);
  CHECK(one.store.read()->count(one.workflow.id) == counts);
  const workflow_record now = one.store.open_workflow("crawl", three_steps(), {});
  CHECK(now.next_item == 4);
  CHECK(now.oldest_done_us == 6);
  one.take(4, text_key("k3"), 0);
  const auto after = one.store.read();
  REQUIRE(after->find(one.workflow.id, text_key("k3"), item, true));
  CHECK(item.id == 4);
  CHECK(item.generation == 0);
  CHECK(item.state == item_state::pending);
}

TEMPLATE_TEST_CASE("all items of a workflow can be removed, those of another stay", "", lmdb_store, memory_store) {
  opened<TestType> one;
  const workflow_record other = one.store.open_workflow("other", three_steps(), {});
  checkpoint_group group;
  std::vector<item_id> all;
  for (std::uint64_t id = 0; id < 500; ++id) {
    one.add(group, id, text_key("k" + std::to_string(id)), 3);
    all.push_back(id);
  }
  group.admitted({.item = 0, .text = text_key("k7"), .workflow = other.id});
  one.commit(group);
  one.store.remove(one.workflow.id, all, 0);
  const auto view = one.store.read();
  CHECK(view->count(one.workflow.id).by_state == std::array<std::uint64_t, 5>{});
  stored_item item;
  CHECK_FALSE(view->find(one.workflow.id, text_key("k7"), item, true));
  CHECK(view->find(other.id, text_key("k7"), item, true));
  CHECK(view->count(other.id).by_state[0] == 1);
  CHECK(view->workflows()[0].next_item == 500);
  CHECK_THROWS_AS(one.commit(checkpoint_group().completed({.item = 7, .sequence = 5, .workflow = one.workflow.id})), error);
}

TEMPLATE_TEST_CASE("what contradicts the store is refused, and nothing is taken after that", "", lmdb_store,
                   memory_store) {
  opened<TestType> one;
  one.take(0, text_key("a"), 1);
  checkpoint_group group;
  SECTION("a checkpoint of an item that was never admitted") {
    group.completed({.item = 5, .sequence = 2, .workflow = one.workflow.id});
  }
  SECTION("a key that another item has") { one.add(group, 1, text_key("a"), 0); }
  SECTION("a workflow that was never opened") { group.admitted({.item = 0, .text = text_key("x"), .workflow = 99}); }
  CHECK_THROWS_AS(one.commit(group), error);
  try {
    one.take(2, text_key("c"), 0);
    FAIL("nothing was thrown");
  } catch (const error& failure) {
    CHECK(failure.code() == errc::stopped);
  }
}

TEMPLATE_TEST_CASE("random histories end as a model says", "", lmdb_store, memory_store) {
  const auto seed = asked_seed();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  opened<TestType> one;
  struct modelled {
    int state = 0;
    std::uint16_t reached = 0;
    std::uint32_t sequence = 1;
    std::string result;
  };
  std::vector<modelled> items;
  for (int round = 0; round < 60; ++round) {
    checkpoint_group group;
    for (auto n = random() % 20; n != 0; --n) {
      group.admitted({.item = items.size(),
                      .text = text_key("key " + std::to_string(items.size() * 7919 % 10'007)),
                      .payload = payload_of(5, random_bytes(random, random() % 300)),
                      .workflow = one.workflow.id});
      items.emplace_back();
    }
    for (auto n = random() % 60; n != 0 && !items.empty(); --n) {
      const std::uint64_t id = random() % items.size();
      modelled& item = items[id];
      said what{.item = id, .sequence = ++item.sequence, .step = item.reached, .workflow = one.workflow.id};
      const auto choice = random() % 8;
      if (choice == 7 || item.state == 2 || item.state == 4) {
        what.step = item.reached = 0;
        item.state = 0;
        item.result.clear();
        what.payload = payload_of(5, "again");
        group.reset(what);
      } else if (choice == 6) {
        what.text = "failed";
        item.state = random() % 2 == 0 ? 3 : 4;
        if (item.state == 4) item.result.clear();
        if (item.state == 3)
          group.failed(what);
        else
          group.skipped(what);
      } else {
        item.result = random_bytes(random, random() % 10 == 0 ? random() % 30'000 : random() % 100);
        what.payload = payload_of(11, item.result);
        ++item.reached;
        item.state = item.reached == 3 ? 2 : 1;
        what.flags = item.state == 2 ? checkpoint_flag::last : std::uint8_t{0};
        group.completed(what);
      }
    }
    one.commit(group);
  }
  const auto view = one.store.read();
  std::array<std::uint64_t, 5> by_state{};
  std::vector<std::uint64_t> completed(3);
  std::size_t at = 0;
  view->scan(one.workflow.id, 0, nullptr, [&](const stored_item& item) {
    const modelled& wanted = items.at(at);
    REQUIRE(item.id == at++);
    REQUIRE(static_cast<int>(item.state) == wanted.state);
    REQUIRE(item.reached == wanted.reached);
    REQUIRE(item.sequence == wanted.sequence);
    if (item.result.present)
      REQUIRE(one.fetched(item, item.result, *view) == wanted.result);
    else
      REQUIRE(wanted.result.empty());
    ++by_state[static_cast<std::size_t>(item.state)];
    for (std::size_t step = 0; step < item.reached; ++step) ++completed[step];
    return true;
  });
  CHECK(at == items.size());
  CHECK(view->count(one.workflow.id).by_state == by_state);
  CHECK(view->count(one.workflow.id).completed == completed);
}

TEMPLATE_TEST_CASE("what is expected changes nothing in what is found", "", lmdb_store, memory_store) {
  opened<TestType> one;
  std::mt19937 random(11);
  constexpr std::uint64_t count = 600;
  const auto key_of = [](std::uint64_t item) {
    const std::string number = std::to_string(item * 7919 % 1000);
    return text_key(item % 50 == 3 ? std::string(600, 'l') + number : "key " + number);  // some go by a hash
  };
  checkpoint_group group;
  for (std::uint64_t item = 0; item < count; ++item) one.add(group, item, key_of(item), static_cast<int>(item % 4));
  one.commit(group);
  std::vector<std::uint64_t> order;
  for (std::uint64_t item = 0; item < count + 100; ++item) order.push_back(item);  // the last ones are not there
  const bool shuffled = GENERATE(true, false);
  if (shuffled) std::shuffle(order.begin(), order.end(), random);
  for (int i = 0; i < 50; ++i) order.insert(order.begin() + static_cast<int>(random() % order.size()), order[random() % 100]);

  const auto view = one.store.read();
  stored_item item;
  const auto check = [&](std::uint64_t id) {
    INFO("item " << id);
    REQUIRE(view->find(one.workflow.id, key_of(id), item, id % 3 == 0) == (id < count));
    if (id >= count) return;
    REQUIRE(item.id == id);
    REQUIRE(item.key == key_of(id));
    REQUIRE(item.reached == id % 4);
  };
  constexpr std::size_t most = 64;
  for (std::size_t at = 0; at < order.size(); at += most) {
    const auto asked = std::span(order).subspan(at, std::min(most, order.size() - at));
    std::vector<std::string> keys;
    for (const std::uint64_t id : asked) keys.push_back(key_of(id));
    if (at / most % 3 != 0) view->refresh();
    view->expect(one.workflow.id, std::vector<std::string_view>(keys.begin(), keys.end()));
    keys.clear();  // it keeps none of them
    if (at / most % 4 == 3) view->refresh();
    for (std::size_t i = 0; i < asked.size(); ++i) {
      if (at / most % 5 == 4 && i % 7 == 2) continue;  // one that was expected is not asked for
      check(asked[i]);
      if (i % 11 == 5) check(order[random() % order.size()]);  // and one is that was not
      if (i % 13 == 5) check(asked[i]);
    }
    CHECK_FALSE(view->find(static_cast<workflow_id>(one.workflow.id + 1), key_of(asked[0]), item, false));
  }
}
