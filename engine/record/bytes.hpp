// Reading and writing the small fields of stored records.
//
// byte_reader is for bytes from a disk: it never reads past its end. Its first
// short or malformed read makes it fail, and it gives zeros from then on, so
// that a parser checks once at the end (and before each loop that a stored count
// bounds). byte_writer writes into room that its caller has made.
//
// A varint is LEB128: seven bits a byte, least significant first, at most ten
// bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace pawl::core {

inline constexpr std::size_t varint_size_max = 10;

class byte_reader {
public:
  explicit byte_reader(std::span<const std::byte> bytes) noexcept
      : cursor_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  [[nodiscard]] bool failed() const noexcept { return failed_; }
  [[nodiscard]] std::size_t remaining() const noexcept { return static_cast<std::size_t>(end_ - cursor_); }

  template <class T>
  requires std::is_integral_v<T>
  [[nodiscard]] T fixed() noexcept {
    T value{};
    if (remaining() < sizeof value) return fail<T>();
    std::memcpy(&value, cursor_, sizeof value);
    cursor_ += sizeof value;
    return value;
  }

  [[nodiscard]] std::uint64_t varint() noexcept {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (cursor_ == end_) return fail<std::uint64_t>();
      const auto byte = static_cast<std::uint8_t>(*cursor_++);
      if (shift == 63 && byte > 1) return fail<std::uint64_t>();
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return fail<std::uint64_t>();
  }

  // A varint that must fit the type.
  template <class T>
  [[nodiscard]] T varint_as() noexcept {
    const std::uint64_t value = varint();
    if (value > static_cast<T>(~T{})) return fail<T>();
    return static_cast<T>(value);
  }

  [[nodiscard]] std::span<const std::byte> take(std::uint64_t size) noexcept {
    if (size > remaining()) return fail<std::span<const std::byte>>();
    const std::span<const std::byte> bytes{cursor_, static_cast<std::size_t>(size)};
    cursor_ += size;
    return bytes;
  }
  [[nodiscard]] std::string_view text(std::uint64_t size) noexcept {
    const auto bytes = take(size);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

private:
  template <class T>
  T fail() noexcept {
    failed_ = true;
    cursor_ = end_;
    return {};
  }

  const std::byte* cursor_;
  const std::byte* end_;
  bool failed_ = false;
};

// Precondition of every call: there is room.
class byte_writer {
public:
  explicit byte_writer(std::byte* cursor) noexcept : cursor_(cursor) {}
  [[nodiscard]] std::byte* cursor() const noexcept { return cursor_; }

  template <class T>
  requires std::is_integral_v<T>
  void fixed(T value) noexcept {
    std::memcpy(cursor_, &value, sizeof value);
    cursor_ += sizeof value;
  }
  void varint(std::uint64_t value) noexcept {
    while (value >= 0x80) {
      *cursor_++ = static_cast<std::byte>(value | 0x80);
      value >>= 7;
    }
    *cursor_++ = static_cast<std::byte>(value);
  }
  void bytes(const void* data, std::size_t size) noexcept {
    if (size != 0) std::memcpy(cursor_, data, size);
    cursor_ += size;
  }

private:
  std::byte* cursor_;
};

// Signed differences as small varints: 0, -1, 1, -2, ... become 0, 1, 2, 3, ...
[[nodiscard]] constexpr std::uint64_t zigzag(std::uint64_t difference) noexcept {
  return (difference << 1) ^ (0 - (difference >> 63));
}
[[nodiscard]] constexpr std::uint64_t unzigzag(std::uint64_t coded) noexcept {
  return (coded >> 1) ^ (0 - (coded & 1));
}

}  // namespace pawl::core
