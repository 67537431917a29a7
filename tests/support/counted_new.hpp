// Replaces the global operator new by one that tells what is asked for. For one file of a program, which defines
// note_allocation().
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

namespace pawl::test {

void note_allocation() noexcept;

inline void* noted(std::size_t size, std::size_t align) {
  note_allocation();
  void* memory = align <= alignof(std::max_align_t) ? std::malloc(size)
                                                    : std::aligned_alloc(align, (size + align - 1) / align * align);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace pawl::test

// Not inlined: GCC would see that what `new` made goes to free().
[[gnu::noinline]] void* operator new(std::size_t size) { return pawl::test::noted(size, 1); }
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t align) {
  return pawl::test::noted(size, static_cast<std::size_t>(align));
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
