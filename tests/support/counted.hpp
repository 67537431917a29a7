// An allocator that counts what containers hold at a time, so that a test can
// bound it. Per thread; replaces no global operator.
#pragma once

#include <cstddef>
#include <memory>

namespace pawl::testing_support {

struct allocation_count {
  std::size_t now = 0;
  std::size_t peak = 0;
  static allocation_count& here() {
    static thread_local allocation_count count;
    return count;
  }
};

template <class T>
struct counted {
  using value_type = T;
  counted() = default;
  template <class U>
  counted(const counted<U>&) noexcept {}

  T* allocate(std::size_t n) {
    T* const memory = std::allocator<T>().allocate(n);
    auto& count = allocation_count::here();
    count.now += n * sizeof(T);
    if (count.now > count.peak) count.peak = count.now;
    return memory;
  }
  void deallocate(T* memory, std::size_t n) noexcept {
    allocation_count::here().now -= n * sizeof(T);
    std::allocator<T>().deallocate(memory, n);
  }
  friend bool operator==(const counted&, const counted&) noexcept { return true; }
};

}  // namespace pawl::testing_support
