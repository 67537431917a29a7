// Small LMDB states for tests: opened, filled and asked in a line.
#pragma once

#include "lmdb/open.hpp"

#include "support/checkpoints.hpp"

#include <pawl/error.hpp>

#include <string>

namespace pawl::test {

inline core::workflow_id open_small(core::backend& store) {
  core::chain_revision chain;
  chain.steps = {{.name = "read"}, {.name = "write"}};
  return store.open_workflow("small", chain, {}).id;
}

inline void commit(core::backend& store, const checkpoint_group& group) {
  const std::span<const std::byte> groups[] = {group.bytes()};
  store.commit(groups);
}

inline std::string small_key(std::uint64_t item) { return text_key("key of item " + std::to_string(item)); }

// Admits an item and completes its first step.
inline void take_item(core::backend& store, std::uint64_t item, const std::string& result = "result") {
  commit(store, checkpoint_group()
                    .admitted({.item = item, .text = small_key(item)})
                    .completed({.item = item, .sequence = 2, .payload = payload_of(1, result)}));
}

// How many items of workflow 1 there are; each must be as take_item left it.
inline std::uint64_t count_items(core::backend& store, const std::string& result = "result") {
  const auto view = store.read();
  std::uint64_t seen = 0;
  std::uint64_t counted = 0;
  if (view->workflows().empty()) return 0;
  for (const std::uint64_t state : view->count(1).by_state) counted += state;
  view->scan(1, 0, nullptr, [&](const core::stored_item& item) {
    core::stored_item found;
    std::vector<std::byte> bytes;
    view->fetch(1, item, item.result, bytes);
    const auto other = store.read();
    if (item.key != small_key(item.id) || text_of(bytes) != result || !other->find(1, item.key, found, true) ||
        found.id != item.id)
      throw error(errc::damaged, "test: item " + std::to_string(item.id) + " is not what was stored");
    ++seen;
    return true;
  });
  if (seen != counted) throw error(errc::damaged, "test: the counters are wrong");
  return seen;
}

// The code that `action` throws; errc{} where it throws nothing. `sentence` gets what it says.
template <class Action>
errc code_of(Action&& action, std::string* sentence = nullptr) {
  try {
    action();
  } catch (const error& failure) {
    if (sentence != nullptr) *sentence = failure.what();
    return failure.code();
  }
  return {};
}

}  // namespace pawl::test
