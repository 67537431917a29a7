#include "run/item.hpp"

#include <algorithm>
#include <new>

namespace pawl::core {
namespace {

constexpr std::size_t rounded_up(std::size_t size, std::size_t align) noexcept { return (size + align - 1) / align * align; }

}  // namespace

item_pool::item_pool(const value_layout& layout, std::size_t limit)
    : layout_(layout), limit_(limit), align_{std::max(layout.align(), alignof(active_item))} {}

item_pool::~item_pool() {
  for (active_item* item : made_) {
    destroy_values(layout_, *item);
    item->~active_item();
    ::operator delete(item, align_);
  }
}

// The item, the pointers to its values, their storage: one piece.
active_item* item_pool::make() {
  if (made_.size() == made_.capacity()) made_.reserve(std::min(limit_, std::max<std::size_t>(64, made_.size() * 2)));
  free_.reserve(made_.capacity());
  const std::size_t storage_at = rounded_up(sizeof(active_item) + layout_.count() * sizeof(void*), layout_.align());
  auto* memory = static_cast<std::byte*>(::operator new(storage_at + layout_.size(), align_));
  active_item* made = ::new (memory) active_item;
  made->values = reinterpret_cast<void**>(memory + sizeof(active_item));
  std::fill_n(made->values, layout_.count(), nullptr);
  made->storage = memory + storage_at;
  made_.push_back(made);
  return made;
}

active_item* item_pool::take() {
  active_item* taken = nullptr;
  if (!free_.empty()) {
    taken = free_.back();
    free_.pop_back();
    if (free_.size() > items_ahead) prefetch_whole_item(free_[free_.size() - items_ahead]);
  } else {
    if (made_.size() == limit_) return nullptr;
    taken = make();
  }
  taken->generation = taken->sequence = taken->attempts = 0;
  taken->step = 0;
  taken->ended = taken->started = taken->backing_off = taken->let_out = taken->released = false;
  taken->key.clear();
  taken->submitted = nullptr;
  taken->child_of = nullptr;
  taken->exit = child_exit::as_it_is;
  taken->crashes = crash_history::none;
  taken->state = item_state::pending;
  taken->due_ns = taken->bytes = taken->input_digest = 0;
  return taken;
}

void item_pool::give_back(active_item* item) noexcept { free_.push_back(item); }

void destroy_value(const value_layout& layout, active_item& item, std::size_t value) noexcept {
  if (item.values[value] == nullptr) return;
  if (layout.type(value)->destroy != nullptr) layout.type(value)->destroy(item.values[value]);
  item.values[value] = nullptr;
}

void destroy_values(const value_layout& layout, active_item& item) noexcept {
  for (std::size_t value = 0; value < layout.count(); ++value) destroy_value(layout, item, value);
}

}  // namespace pawl::core
