#include "record/hash.hpp"
#include "support/catch.hpp"

#include <set>

using namespace pawl::core;

namespace {
hash_key counting_key() {
  hash_key key;
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::byte>(i);
  return key;
}
std::string hex(hash128 hash) {
  std::string text;
  for (const std::uint64_t half : {hash.low, hash.high})
    for (int shift = 0; shift < 64; shift += 8) {
      char pair[3];
      std::snprintf(pair, sizeof pair, "%02x", static_cast<unsigned>(half >> shift & 255));
      text += pair;
    }
  return text;
}
}  // namespace

// The first vectors of the authors' table for 128-bit output: key 00..0f, messages of 0, 1, 2 and 3 bytes 00 01 02.
TEST_CASE("the hash gives the published vectors") {
  const std::byte message[] = {std::byte{0}, std::byte{1}, std::byte{2}};
  CHECK(hex(hash_of(counting_key(), {message, 0})) == "a3817f04ba25a8e66df67214c7550293");
  CHECK(hex(hash_of(counting_key(), {message, 1})) == "da87c1d86b99af44347659119b22fc45");
  CHECK(hex(hash_of(counting_key(), {message, 2})) == "8177228da4a45dc7fca38bdef60affe4");
  CHECK(hex(hash_of(counting_key(), {message, 3})) == "9c70b60c5267a94e5f33b6b02985ed51");
}

TEST_CASE("idempotency keys differ in every part that they are made of, and in nothing else") {
  const hash_key a = counting_key();
  hash_key b = a;
  b[0] = std::byte{99};
  const std::set<std::string> keys{idempotency_key(a, "w", "k", "s", 0, 5),  idempotency_key(b, "w", "k", "s", 0, 5),
                                   idempotency_key(a, "v", "k", "s", 0, 5),  idempotency_key(a, "w", "l", "s", 0, 5),
                                   idempotency_key(a, "w", "k", "t", 0, 5),  idempotency_key(a, "w", "k", "s", 1, 5),
                                   idempotency_key(a, "wk", "", "s", 0, 5),  idempotency_key(a, "", "wk", "s", 0, 5),
                                   idempotency_key(a, "w", "ks", "", 0, 5), idempotency_key(a, "w", "k", "s", 0, 6)};
  CHECK(keys.size() == 10);
  CHECK(idempotency_key(a, "w", "k", "s", 7, 5) == idempotency_key(a, "w", "k", "s", 7, 5));
  CHECK(idempotency_key(a, "w", "k", "s", 7, 5).size() == 32);
}
