#include "store/large_memory.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <new>

namespace pawl::core {
namespace {

constexpr std::size_t huge_page_size = std::size_t{2} << 20;

}  // namespace

large_memory::large_memory(std::size_t size) {
  size = (size + huge_page_size - 1) / huge_page_size * huge_page_size;
  // More than is needed, so that a part of it begins on a huge page; the rest is given back.
  void* const mapped =
      ::mmap(nullptr, size + huge_page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  auto* const from = static_cast<std::byte*>(mapped);
  const std::size_t front = (huge_page_size - reinterpret_cast<std::uintptr_t>(from) % huge_page_size) % huge_page_size;
  if (front != 0) ::munmap(from, front);
  if (front != huge_page_size) ::munmap(from + front + size, huge_page_size - front);
  static_cast<void>(::madvise(from + front, size, MADV_HUGEPAGE));  // a hint
  bytes_ = from + front;
  size_ = size;
}

large_memory::~large_memory() {
  if (bytes_ != nullptr) ::munmap(bytes_, size_);
}

}  // namespace pawl::core
