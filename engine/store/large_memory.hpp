// A large piece of memory that is used over and over: in huge pages where the
// system gives them, because the first touch of each small one costs more than
// what is written to it.
#pragma once

#include <cstddef>
#include <utility>

namespace pawl::core {

class large_memory {
public:
  large_memory() = default;
  // Throws std::bad_alloc.
  explicit large_memory(std::size_t size);
  large_memory(large_memory&& other) noexcept
      : bytes_(std::exchange(other.bytes_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  large_memory& operator=(large_memory&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~large_memory();
  [[nodiscard]] std::byte* data() const noexcept { return bytes_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
  std::byte* bytes_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace pawl::core
