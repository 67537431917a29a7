#include "record/hash.hpp"

#include <bit>
#include <cstring>

namespace pawl::core {
namespace {

struct sip_state {
  std::uint64_t v0, v1, v2, v3;

  void round() noexcept {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }

  void absorb(std::uint64_t word) noexcept {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }

  std::uint64_t squeeze() noexcept {
    for (int i = 0; i < 4; ++i) round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

std::uint64_t word_at(const std::byte* bytes) noexcept {
  std::uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

void append_part(std::string& message, std::string_view part) {
  const std::uint64_t size = part.size();
  message.append(reinterpret_cast<const char*>(&size), sizeof size);
  message.append(part);
}

}  // namespace

hash128 hash_of(const hash_key& key, std::span<const std::byte> bytes) noexcept {
  const std::uint64_t k0 = word_at(key.data());
  const std::uint64_t k1 = word_at(key.data() + 8);
  sip_state state{k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du ^ 0xee, k0 ^ 0x6c7967656e657261u,
                  k1 ^ 0x7465646279746573u};
  const std::size_t whole = bytes.size() / 8 * 8;
  for (std::size_t at = 0; at < whole; at += 8) state.absorb(word_at(bytes.data() + at));
  std::uint64_t last = static_cast<std::uint64_t>(bytes.size()) << 56;
  for (std::size_t at = whole; at < bytes.size(); ++at)
    last |= static_cast<std::uint64_t>(bytes[at]) << (8 * (at - whole));
  state.absorb(last);
  state.v2 ^= 0xee;
  hash128 hash;
  hash.low = state.squeeze();
  state.v1 ^= 0xdd;
  hash.high = state.squeeze();
  return hash;
}

std::uint64_t digest_of(const hash_key& key, std::span<const std::byte> bytes) noexcept {
  const std::uint64_t digest = hash_of(key, bytes).low;
  return digest == 0 ? 1 : digest;
}

std::string idempotency_key(const hash_key& uuid, std::string_view workflow, std::string_view typed_key,
                            std::string_view step, std::uint32_t generation, std::uint64_t input_digest) {
  std::string message;
  append_part(message, workflow);
  append_part(message, typed_key);
  append_part(message, step);
  message.append(reinterpret_cast<const char*>(&generation), sizeof generation);
  message.append(reinterpret_cast<const char*>(&input_digest), sizeof input_digest);
  const hash128 hash = hash_of(uuid, std::as_bytes(std::span{message}));
  static constexpr char hex[] = "0123456789abcdef";
  std::string text;
  for (const std::uint64_t half : {hash.low, hash.high})
    for (int shift = 0; shift < 64; shift += 8)
      (text += hex[half >> (shift + 4) & 15]) += hex[half >> shift & 15];
  return text;
}

}  // namespace pawl::core
