#include "run/item.hpp"

#include <algorithm>

namespace pawl::core {

item_pool::item_pool(const value_layout& layout, std::size_t limit) : layout_(layout), limit_(limit) {}

item_pool::~item_pool() {
  for (const auto& one : made_) destroy_values(layout_, one->item);
}

active_item* item_pool::take() {
  if (free_ == nullptr) {
    if (made_.size() == limit_) return nullptr;
    auto fresh = std::make_unique<made>();
    const std::align_val_t align{layout_.align()};
    const std::size_t pointers =
        (layout_.count() * sizeof(void*) + layout_.align() - 1) / layout_.align() * layout_.align();
    fresh->block = {static_cast<std::byte*>(::operator new(pointers + layout_.size(), align)), block_deleter{align}};
    fresh->item.values = reinterpret_cast<void**>(fresh->block.get());
    std::fill_n(fresh->item.values, layout_.count(), nullptr);
    fresh->item.storage = fresh->block.get() + pointers;
    free_ = &fresh->item;
    made_.push_back(std::move(fresh));
  }
  active_item* taken = free_;
  free_ = taken->next;
  ++in_use_;
  taken->next = nullptr;
  taken->generation = taken->sequence = taken->attempts = 0;
  taken->step = 0;
  taken->ended = taken->just_admitted = taken->backing_off = false;
  taken->key.clear();
  taken->state = item_state::pending;
  taken->due_ns = taken->bytes = taken->input_digest = 0;
  return taken;
}

void item_pool::give_back(active_item* item) noexcept {
  item->next = free_;
  free_ = item;
  --in_use_;
}

void destroy_value(const value_layout& layout, active_item& item, std::size_t value) noexcept {
  if (item.values[value] == nullptr) return;
  if (layout.type(value)->destroy != nullptr) layout.type(value)->destroy(item.values[value]);
  item.values[value] = nullptr;
}

void destroy_values(const value_layout& layout, active_item& item) noexcept {
  for (std::size_t value = 0; value < layout.count(); ++value) destroy_value(layout, item, value);
}

}  // namespace pawl::core
