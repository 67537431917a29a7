// A large piece of memory that is used over and over: in huge pages where the
// system gives them, because the first touch of each small one costs more than
// what is written to it.
#pragma once

#include <cstddef>
#include <memory>

namespace pawl::core {

class large_memory {
public:
  large_memory() = default;
  // Throws std::bad_alloc.
  explicit large_memory(std::size_t size);
  [[nodiscard]] std::byte* data() const noexcept { return bytes_.get(); }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.get_deleter().size; }

private:
  struct unmapper {
    std::size_t size = 0;
    void operator()(std::byte* bytes) const noexcept;
  };
  std::unique_ptr<std::byte[], unmapper> bytes_;
};

}  // namespace pawl::core
