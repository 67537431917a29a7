// An encoder that owns its memory, and what the coders of unordered containers
// do with it. Compiled: engine/schema/support.cpp.
#pragma once

#include <pawl/encoder.hpp>

#include <cstddef>
#include <span>
#include <vector>

namespace pawl::detail {

/// Grows as it is written to, up to 1 GiB; then throws pawl::error(too_large).
class buffer final : public encoder {
public:
  buffer() = default;
  [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(cursor_ - memory_.data()); }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {memory_.data(), size()}; }
  [[nodiscard]] std::vector<std::byte> take();
  void clear() noexcept { cursor_ = memory_.data(); }

private:
  void make_room(std::size_t size) override;

  std::vector<std::byte> memory_;
};

struct keyed_element {
  std::size_t begin;  // of its key in the buffer
  std::size_t size;
  const void* element;
};
/// By the bytes of their keys, a shorter one first where one begins with the other.
void sort_by_key(std::vector<keyed_element>& elements, const buffer& keys);

}  // namespace pawl::detail
