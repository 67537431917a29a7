// A group of transactional calls over a group whose commit is under way.
#include "lmdb/open.hpp"
#include "store/table_access.hpp"
#include "support/asked.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <pawl/table.hpp>

#include <map>
#include <optional>
#include <random>

using namespace pawl;
using namespace pawl::core;

namespace {

inline constexpr table<"numbers", std::uint64_t, std::uint64_t> numbers;
inline constexpr table<"others", std::uint64_t, std::uint64_t> others;

using model = std::map<std::uint64_t, std::uint64_t>;

// Some writes, a part of them undone as those of a call that failed.
void change(open_transaction& group, model& now, std::mt19937_64& random, std::uint64_t value) {
  for (int call = 0; call < 10; ++call) {
    pawl::transaction tx(group);
    model after = now;
    for (int i = 0; i < 3; ++i) {
      const std::uint64_t key = random() % 40;
      if (random() % 3 == 0) {
        tx.erase(numbers, key);
        after.erase(key);
      } else {
        tx.put(numbers, key, value + key);
        after[key] = value + key;
      }
      tx.put(others, key, value);
    }
    if (random() % 4 == 0) {
      group.undo();
    } else {
      group.keep();
      now = after;
    }
  }
}

model content(open_transaction& group) {
  pawl::transaction tx(group);
  model all;
  for (const auto& [key, value] : tx.scan(numbers)) all[key] = value;
  for (std::uint64_t key = 0; key < 40; ++key) {
    const std::optional<std::uint64_t> one = tx.get(numbers, key);
    REQUIRE(one.has_value() == (all.count(key) != 0));
    if (one) REQUIRE(*one == all[key]);
  }
  return all;
}

}  // namespace

TEST_CASE("a group sees what the group in front of it has written, before that is committed and after") {
  const std::uint64_t seed = pawl::test::asked_seed();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  const test::temp_dir dir;
  const auto store = open_lmdb(dir / "state");
  table_store& tables = *store->tables();
  known_tables known;
  model now;
  for (int round = 0; round < 60; ++round) {
    const auto value = static_cast<std::uint64_t>(round) * 1000;
    const model stored = now;
    open_transaction first(tables, known);
    change(first, now, random, value);
    REQUIRE(content(first) == now);
    open_transaction second(tables, known, &first.writes());  // over a snapshot without them
    const model between = now;
    REQUIRE(content(second) == between);
    change(second, now, random, value + 100);
    REQUIRE(content(second) == now);
    {
      open_transaction alone(tables, known);
      REQUIRE(content(alone) == stored);
    }
    tables.commit_tables(first.writes(), {}, 0);
    open_transaction third(tables, known, &first.writes());  // over one that has them
    REQUIRE(content(third) == between);
    tables.commit_tables(second.writes(), {}, 0);
    open_transaction all(tables, known);
    REQUIRE(content(all) == now);
  }
}
