// What is written of a segment, kept in memory until it is applied, so that nothing
// is read back as long as whoever applies keeps up.
#pragma once

#include "store/large_memory.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace pawl::core {

// Of a segment in this life of it, at the offsets of its file.
struct image {
  explicit image(std::uint64_t of) : bytes(static_cast<std::size_t>(of)), size(of) {}
  large_memory bytes;
  std::uint64_t size;
};

// Images that go round: one that nobody holds any more is given out again. One thread at a time; holders may be others.
class image_pool {
public:
  explicit image_pool(std::uint64_t size_max) : size_max_(size_max) {}
  // One of at least this size; null where too much goes round already.
  [[nodiscard]] std::shared_ptr<image> take(std::uint64_t size);

private:
  const std::uint64_t size_max_;
  std::uint64_t size_ = 0;
  std::vector<std::shared_ptr<image>> all_;
};

}  // namespace pawl::core
