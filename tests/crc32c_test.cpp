#include "store/crc32c.hpp"

#include "support/asked.hpp"
#include "support/catch.hpp"

#include <random>
#include <string_view>
#include <vector>

using namespace pawl::core;

namespace {

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span{text}); }

}  // namespace

TEST_CASE("the published check value and the vectors of RFC 3720 come out") {
  CHECK(crc32c(bytes_of("123456789")) == 0xe3069283);
  CHECK(crc32c({}) == 0);
  std::vector<std::byte> block(32);
  CHECK(crc32c(block) == 0x8a9136aa);
  for (auto& byte : block) byte = std::byte{0xff};
  CHECK(crc32c(block) == 0x62a8ab43);
  for (std::size_t i = 0; i < 32; ++i) block[i] = static_cast<std::byte>(i);
  CHECK(crc32c(block) == 0x46dd794e);
}

TEST_CASE("the table and the processor's instruction agree on every length and alignment") {
  if (!crc32c_has_hardware()) return;
  const auto seed = pawl::test::asked_seed();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  std::vector<std::byte> bytes(600);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random());
  for (std::size_t from = 0; from < 9; ++from)
    for (std::size_t size = 0; size < 300; ++size) {
      const auto part = std::span(bytes).subspan(from, size);
      const auto so_far = static_cast<std::uint32_t>(random());
      REQUIRE(crc32c_by_table(part, so_far) == crc32c_by_hardware(part, so_far));
    }
}

TEST_CASE("the two agree on long inputs, which the instruction sums in stretches") {
  if (!crc32c_has_hardware()) return;
  const auto seed = pawl::test::asked_seed();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  std::vector<std::byte> bytes(70'000);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random());
  for (const std::size_t size : {3071u, 3072u, 3073u, 6143u, 6144u, 9999u, 65'536u, 69'990u})
    for (std::size_t from = 0; from < 9; ++from) {
      const auto part = std::span(bytes).subspan(from, size);
      const auto so_far = static_cast<std::uint32_t>(random());
      REQUIRE(crc32c_by_table(part, so_far) == crc32c_by_hardware(part, so_far));
    }
}

TEST_CASE("a sum in two parts is the sum of the whole") {
  const auto whole = bytes_of("a pawl lets a ratchet turn forward and never back");
  for (std::size_t cut = 0; cut <= whole.size(); ++cut)
    CHECK(crc32c(whole.subspan(cut), crc32c(whole.first(cut))) == crc32c(whole));
}
