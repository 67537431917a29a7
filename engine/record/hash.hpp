// The one hash of the engine: SipHash-2-4 with 128 bits of output (Aumasson and
// Bernstein, "SipHash: a fast short-input PRF", 2012; the 128-bit variant of the
// authors' reference description), keyed with the state's uuid, so that nobody
// outside can make two keys collide. Its values stand on disk and in idempotency
// keys: it never changes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace pawl::core {

struct hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const hash128&, const hash128&) = default;
};

using hash_key = std::array<std::byte, 16>;

[[nodiscard]] hash128 hash_of(const hash_key& key, std::span<const std::byte> bytes) noexcept;

// The digest of an item's input as rows keep it; never 0 (0 says: none).
[[nodiscard]] std::uint64_t digest_of(const hash_key& key, std::span<const std::byte> bytes) noexcept;

// 32 lower-case hex digits; see durability rule 20. The input's digest is in it, so that a changed input gives a new
// key even where a crash forgot that there had been another one (the first step of an item need not wait for its admission).
// Parts are length-prefixed before
// they are hashed, so that no two different tuples give the same bytes.
[[nodiscard]] std::string idempotency_key(const hash_key& uuid, std::string_view workflow, std::string_view typed_key,
                                          std::string_view step, std::uint32_t generation,
                                          std::uint64_t input_digest);

}  // namespace pawl::core
