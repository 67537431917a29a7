// Where encoded bytes go (encoder) and where they come from (decoder).
//
// Both are positional and little-endian. A codec (codec.hpp) writes to the one
// and reads from the other; it never sees where the bytes live.
#pragma once

#include <bit>
#include <cstddef>
#include <cstring>
#include <span>
#include <type_traits>

namespace pawl {

static_assert(std::endian::native == std::endian::little,
              "pawl stores little-endian values by memcpy; this machine is big-endian");

/// A sink of bytes. The engine brings the memory; a full buffer asks it for more.
/// Not thread-safe. Throws pawl::error(too_large) when a value outgrows the limit.
class encoder {
public:
  encoder(const encoder&) = delete;
  encoder& operator=(const encoder&) = delete;

  /// Appends `size` bytes from `data`.
  void write(const void* data, std::size_t size) {
    if (size > static_cast<std::size_t>(end_ - cursor_)) {
      if (pass_on(data, size)) return;
      make_room(size);
    }
    if (size != 0) std::memcpy(cursor_, data, size);
    cursor_ += size;
  }

  /// Appends one arithmetic value, sizeof(T) bytes, little-endian.
  template <class T>
  requires std::is_arithmetic_v<T>
  void put(T value) { write(&value, sizeof value); }

  /// How deep the value being written lies within values of its own type; kept by the codecs.
  [[nodiscard]] unsigned& nesting() noexcept { return nesting_; }

protected:
  encoder() = default;
  encoder(std::byte* cursor, std::byte* end) : cursor_(cursor), end_(end) {}
  ~encoder() = default;

  /// Must leave at least `size` free bytes between cursor_ and end_, keeping
  /// what was written so far in front of cursor_.
  virtual void make_room(std::size_t size) = 0;

  /// Asked first where a write does not fit: true where it took all of `data`, behind what was written so far. For
  /// sinks that need not hold what passes through them.
  virtual bool pass_on(const void* data, std::size_t size) {
    static_cast<void>(data), static_cast<void>(size);
    return false;
  }

  std::byte* cursor_ = nullptr;
  std::byte* end_ = nullptr;

private:
  unsigned nesting_ = 0;
};

/// A bounded source of bytes. Every read is checked against what remains;
/// reading past the end throws pawl::error(codec_failed).
class decoder {
public:
  explicit decoder(std::span<const std::byte> bytes) : cursor_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  /// How many bytes are left. Check a length against it *before* allocating.
  [[nodiscard]] std::size_t remaining() const noexcept { return static_cast<std::size_t>(end_ - cursor_); }

  void read(void* into, std::size_t size) {
    if (size > remaining()) throw_short(size);
    if (size != 0) std::memcpy(into, cursor_, size);
    cursor_ += size;
  }

  /// The next `size` bytes in place; they live as long as the decoder's input.
  [[nodiscard]] std::span<const std::byte> take(std::size_t size) {
    if (size > remaining()) throw_short(size);
    std::span<const std::byte> bytes{cursor_, size};
    cursor_ += size;
    return bytes;
  }

  template <class T>
  requires std::is_arithmetic_v<T>
  [[nodiscard]] T get() {
    T value;
    read(&value, sizeof value);
    return value;
  }

  /// How deep the value being read lies within values of its own type; kept by the codecs.
  [[nodiscard]] unsigned& nesting() noexcept { return nesting_; }

private:
  [[noreturn]] void throw_short(std::size_t wanted) const;  // compiled: engine/schema/

  const std::byte* cursor_;
  const std::byte* end_;
  unsigned nesting_ = 0;
};

}  // namespace pawl
