#include "journal/image.hpp"

#include <atomic>

namespace pawl::core {

std::shared_ptr<image> image_pool::take(std::uint64_t size) {
  for (std::shared_ptr<image>& one : all_) {
    if (one.use_count() != 1 || one->size < size) continue;
    std::atomic_thread_fence(std::memory_order_acquire);  // whoever let go of it last has read what he wanted
    return one;
  }
  std::erase_if(all_, [&](const auto& one) {  // too small, from when the journal was
    if (one.use_count() != 1 || one->size >= size) return false;
    size_ -= one->size;
    return true;
  });
  if (size_ + size > size_max_) return nullptr;
  size_ += size;
  return all_.emplace_back(std::make_shared<image>(size));
}

}  // namespace pawl::core
