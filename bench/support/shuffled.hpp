// The numbers below a limit in random order, each once, without a list of them.
#pragma once

#include <bit>
#include <cstdint>

namespace bench {

class shuffled {
public:
  explicit shuffled(std::uint64_t limit)
      : limit_(limit), bits_(limit < 4 ? 2 : static_cast<unsigned>(std::bit_width(limit - 1))) {}

  // One to one between [0, limit) and [0, limit). Precondition: place < limit.
  [[nodiscard]] std::uint64_t operator()(std::uint64_t place) const noexcept {
    // mix() is one to one on the next power of two; what falls outside is mixed until it falls inside.
    do place = mix(place);
    while (place >= limit_);
    return place;
  }

private:
  [[nodiscard]] std::uint64_t mix(std::uint64_t number) const noexcept {
    const std::uint64_t mask = ~std::uint64_t{0} >> (64 - bits_);
    for (const std::uint64_t odd : {0xbf58476d1ce4e5b9u, 0x94d049bb133111ebu, 0x9e3779b97f4a7c15u}) {
      number ^= number >> (bits_ / 2);
      number = (number + 1) * odd & mask;
    }
    return number ^ number >> (bits_ / 2);
  }

  std::uint64_t limit_;
  unsigned bits_;  // at least 2, so that shifting by half of them moves something
};

}  // namespace bench
