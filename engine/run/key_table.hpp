// The keys in flight: an open-addressing table from typed key to item.
//
// Fixed in size (the window bounds what is in it), no allocation after it is
// made. Not thread-safe.
#pragma once

#include "run/item.hpp"

#include <bit>
#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

namespace pawl::core {

// Item: has `key` and `key_hash`.
template <class Item>
class basic_key_table {
public:
  explicit basic_key_table(std::size_t limit) : slots_(std::bit_ceil(limit * 2 + 2)), mask_(slots_.size() - 1) {}

  [[nodiscard]] static std::uint64_t hash(std::string_view key) noexcept { return std::hash<std::string_view>{}(key); }

  // item->key and item->key_hash must be set. False where that key is in already.
  bool insert(Item* item) {
    std::size_t at = item->key_hash & mask_;
    for (; slots_[at].item != nullptr; at = (at + 1) & mask_)
      if (slots_[at].hash == item->key_hash && slots_[at].item->key == item->key) return false;
    slots_[at] = {item, item->key_hash};
    return true;
  }

  // Precondition: it is in.
  void erase(const Item* item) noexcept {
    std::size_t hole = item->key_hash & mask_;
    while (slots_[hole].item != item) hole = (hole + 1) & mask_;
    // Close the hole: move back whatever probed past it.
    for (std::size_t at = (hole + 1) & mask_; slots_[at].item != nullptr; at = (at + 1) & mask_) {
      const std::size_t home = slots_[at].hash & mask_;
      if (((at - home) & mask_) >= ((at - hole) & mask_)) {
        slots_[hole] = slots_[at];
        hole = at;
      }
    }
    slots_[hole] = {};
  }

  // Null where it is not in.
  [[nodiscard]] Item* find(std::string_view key, std::uint64_t hash) const noexcept {
    for (std::size_t at = hash & mask_; slots_[at].item != nullptr; at = (at + 1) & mask_)
      if (slots_[at].hash == hash && slots_[at].item->key == key) return slots_[at].item;
    return nullptr;
  }

  // Empties it; `each` gets what was in.
  template <class Each>
  void take_all(const Each& each) {
    for (slot& one : slots_)
      if (Item* item = std::exchange(one, {}).item) each(item);
  }

private:
  struct slot {
    Item* item = nullptr;
    std::uint64_t hash = 0;  // of its key: so that passing an item by does not touch it
  };
  std::vector<slot> slots_;
  std::size_t mask_;
};

using key_table = basic_key_table<active_item>;

}  // namespace pawl::core
