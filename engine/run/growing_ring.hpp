// A queue that takes no memory once it has been as long as it gets: a ring that
// doubles where it is full. (std::deque allocates and frees as it moves along.)
// Not thread-safe.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace pawl::core {

template <class T>
class growing_ring {
public:
  [[nodiscard]] bool empty() const noexcept { return pushed_ == popped_; }
  [[nodiscard]] std::size_t size() const noexcept { return pushed_ - popped_; }
  // Preconditions of the following: it is not empty.
  [[nodiscard]] T& front() noexcept { return places_[popped_ & mask()]; }
  [[nodiscard]] T& back() noexcept { return places_[(pushed_ - 1) & mask()]; }
  void pop_front() noexcept { ++popped_; }

  void push_back(T value) {
    if (size() == places_.size()) grow();
    places_[pushed_++ & mask()] = std::move(value);
  }

private:
  [[nodiscard]] std::size_t mask() const noexcept { return places_.size() - 1; }

  void grow() {
    std::vector<T> larger(places_.empty() ? 64 : places_.size() * 2);
    const std::size_t count = size();
    for (std::size_t i = 0; i < count; ++i) larger[i] = std::move(places_[(popped_ + i) & mask()]);
    places_ = std::move(larger);
    popped_ = 0;
    pushed_ = count;
  }

  std::vector<T> places_;  // a power of two, or none
  std::size_t pushed_ = 0;
  std::size_t popped_ = 0;
};

}  // namespace pawl::core
