#include "store/crc32c.hpp"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#define PAWL_CRC_TARGET __attribute__((target("sse4.2")))
#elif defined(__aarch64__) && defined(__linux__)
#include <arm_acle.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>
#define PAWL_CRC_TARGET __attribute__((target("+crc")))
#endif

namespace pawl::core {
namespace {

constexpr std::uint32_t polynomial_reflected = 0x82f63b78;

// Slicing by eight: tables[k][b] is the sum of byte b followed by k zero bytes.
constexpr auto tables = [] {
  std::array<std::array<std::uint32_t, 256>, 8> made{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t sum = byte;
    for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1) ^ ((sum & 1) != 0 ? polynomial_reflected : 0);
    made[0][byte] = sum;
  }
  for (std::size_t zeros = 1; zeros < 8; ++zeros)
    for (std::size_t byte = 0; byte < 256; ++byte)
      made[zeros][byte] = (made[zeros - 1][byte] >> 8) ^ made[0][made[zeros - 1][byte] & 0xff];
  return made;
}();

// The instruction takes three cycles and one can start in each: long inputs are summed as three stretches side by side.
// The sum of a stretch that other bytes follow is the sum moved over as many zeros, which is linear in its bits.
constexpr std::size_t stretch_size = 1024;

class mover {
public:
  explicit mover(std::size_t zeros) noexcept {
    for (std::uint32_t byte = 0; byte < 4; ++byte)
      for (std::uint32_t value = 0; value < 256; ++value) {
        std::uint32_t sum = value << (8 * byte);
        if ((value & (value - 1)) == 0) {  // a single bit, or none; the others are sums of these
          for (std::size_t zero = 0; zero < zeros; ++zero) sum = (sum >> 8) ^ tables[0][sum & 0xff];
        } else {
          sum = moved_[byte][value & (value - 1)] ^ moved_[byte][value & (~value + 1)];
        }
        moved_[byte][value] = sum;
      }
  }
  [[nodiscard]] std::uint32_t operator()(std::uint32_t sum) const noexcept {
    return moved_[0][sum & 0xff] ^ moved_[1][sum >> 8 & 0xff] ^ moved_[2][sum >> 16 & 0xff] ^ moved_[3][sum >> 24];
  }

private:
  std::array<std::array<std::uint32_t, 256>, 4> moved_;
};

[[maybe_unused]] const mover& over_one_stretch() noexcept {
  static const mover one(stretch_size);
  return one;
}
[[maybe_unused]] const mover& over_two_stretches() noexcept {
  static const mover two(2 * stretch_size);
  return two;
}

std::uint64_t word_at(const std::byte* bytes) noexcept {
  std::uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

}  // namespace

std::uint32_t crc32c_by_table(std::span<const std::byte> bytes, std::uint32_t so_far) noexcept {
  std::uint32_t sum = ~so_far;
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    const std::uint64_t word = word_at(at) ^ sum;
    sum = 0;
    for (std::size_t byte = 0; byte < 8; ++byte) sum ^= tables[7 - byte][word >> (8 * byte) & 0xff];
  }
  for (; left != 0; ++at, --left) sum = (sum >> 8) ^ tables[0][(sum ^ static_cast<std::uint8_t>(*at)) & 0xff];
  return ~sum;
}

#if defined(__x86_64__)

bool crc32c_has_hardware() noexcept { return __builtin_cpu_supports("sse4.2") != 0; }

PAWL_CRC_TARGET std::uint32_t crc32c_by_hardware(std::span<const std::byte> bytes, std::uint32_t so_far) noexcept {
  std::uint64_t sum = ~so_far;
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  if (left >= 3 * stretch_size) {
    const mover& over_one = over_one_stretch();
    const mover& over_two = over_two_stretches();
    for (; left >= 3 * stretch_size; at += 3 * stretch_size, left -= 3 * stretch_size) {
      std::uint64_t second = 0;
      std::uint64_t third = 0;
      for (std::size_t i = 0; i < stretch_size; i += 8) {
        sum = _mm_crc32_u64(sum, word_at(at + i));
        second = _mm_crc32_u64(second, word_at(at + stretch_size + i));
        third = _mm_crc32_u64(third, word_at(at + 2 * stretch_size + i));
      }
      sum = over_two(static_cast<std::uint32_t>(sum)) ^ over_one(static_cast<std::uint32_t>(second)) ^ third;
    }
  }
  for (; left >= 8; at += 8, left -= 8) sum = _mm_crc32_u64(sum, word_at(at));
  auto narrow = static_cast<std::uint32_t>(sum);
  for (; left != 0; ++at, --left) narrow = _mm_crc32_u8(narrow, static_cast<std::uint8_t>(*at));
  return ~narrow;
}

#elif defined(PAWL_CRC_TARGET)

bool crc32c_has_hardware() noexcept { return (::getauxval(AT_HWCAP) & HWCAP_CRC32) != 0; }

PAWL_CRC_TARGET std::uint32_t crc32c_by_hardware(std::span<const std::byte> bytes, std::uint32_t so_far) noexcept {
  std::uint32_t sum = ~so_far;
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) sum = __crc32cd(sum, word_at(at));
  for (; left != 0; ++at, --left) sum = __crc32cb(sum, static_cast<std::uint8_t>(*at));
  return ~sum;
}

#else

bool crc32c_has_hardware() noexcept { return false; }

std::uint32_t crc32c_by_hardware(std::span<const std::byte> bytes, std::uint32_t so_far) noexcept {
  return crc32c_by_table(bytes, so_far);
}

#endif

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t so_far) noexcept {
  static const bool hardware = crc32c_has_hardware();
  return hardware ? crc32c_by_hardware(bytes, so_far) : crc32c_by_table(bytes, so_far);
}

}  // namespace pawl::core
