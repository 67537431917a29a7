// A queue of items with a fixed number of places: pointers side by side, so that
// handing items on touches none of them.
//
// An item is in one place at a time, so a window's worth of places is enough for
// ever. Its memory is touched only as far as it is used. Not thread-safe.
#pragma once

#include <bit>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace pawl::core {

struct active_item;

class item_ring {
public:
  explicit item_ring(std::size_t limit)
      : mask_(std::bit_ceil(limit) - 1), places_(std::make_unique_for_overwrite<active_item*[]>(mask_ + 1)) {}

  [[nodiscard]] std::size_t size() const noexcept { return pushed_ - popped_; }
  [[nodiscard]] bool empty() const noexcept { return pushed_ == popped_; }

  // Precondition: no more than `limit` are in it afterwards.
  void push(std::span<active_item* const> items) noexcept {
    for (active_item* item : items) places_[pushed_++ & mask_] = item;
  }
  // The oldest, which stays. Precondition: not empty.
  [[nodiscard]] active_item* front() const noexcept { return places_[popped_ & mask_]; }
  // The oldest; null where there is none.
  [[nodiscard]] active_item* pop() noexcept { return empty() ? nullptr : places_[popped_++ & mask_]; }
  // Moves the oldest, `most` of them, to the end of `into`.
  void pop(std::size_t most, std::vector<active_item*>& into) {
    for (; most != 0 && popped_ != pushed_; --most) into.push_back(places_[popped_++ & mask_]);
    if (empty()) pushed_ = popped_ = 0;  // the places used last are the warm ones
  }

private:
  const std::size_t mask_;
  const std::unique_ptr<active_item*[]> places_;
  std::size_t pushed_ = 0;
  std::size_t popped_ = 0;
};

}  // namespace pawl::core
