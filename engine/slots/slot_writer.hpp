// Encoders that hold nothing: one writes what passes through it into a file, one
// only counts it. A long array goes straight from where it lies, so a state of any
// size needs one buffer.
#pragma once

#include "file/file_system.hpp"
#include "store/large_memory.hpp"

#include <pawl/encoder.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace pawl::core {

inline constexpr std::size_t slot_buffer_size = std::size_t{4} << 20;

class slot_writer final : public encoder {
public:
  // `buffer`: a multiple of 4 KiB. Both must outlive the writer.
  slot_writer(file& into, std::uint64_t offset, std::span<std::byte> buffer)
      : encoder(buffer.data(), buffer.data() + buffer.size()), into_(into), buffer_(buffer), begin_(offset), at_(offset) {}

  // Writes what is left. Nothing may be written afterwards.
  void finish();
  // Of all that was written.
  [[nodiscard]] std::uint64_t size() const noexcept { return at_ - begin_; }
  [[nodiscard]] std::uint32_t crc() const noexcept { return crc_; }

private:
  bool pass_on(const void* data, std::size_t size) override;
  void make_room(std::size_t size) override;
  void write_out(std::span<const std::byte> bytes);
  void empty_buffer();

  file& into_;
  const std::span<std::byte> buffer_;
  const std::uint64_t begin_;
  std::uint64_t at_;
  std::uint32_t crc_ = 0;
};

// How long a value is when encoded.
class size_counter final : public encoder {
public:
  size_counter() {
    cursor_ = room_.data();
    end_ = cursor_ + room_.size();
  }
  [[nodiscard]] std::uint64_t size() const noexcept {
    return counted_ + static_cast<std::uint64_t>(cursor_ - room_.data());
  }

private:
  bool pass_on(const void*, std::size_t size) override {
    counted_ += size;
    return true;
  }
  void make_room(std::size_t) override {}  // never asked

  std::array<std::byte, 4096> room_;
  std::uint64_t counted_ = 0;
};

}  // namespace pawl::core
