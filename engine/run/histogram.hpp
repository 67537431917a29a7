// Durations of a step's calls: counted in buckets that are 1/8 of a power of two
// wide, so that a quantile is right to 12.5 % with 4 KiB and no allocation.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace pawl::core {

class histogram {
public:
  void add(std::uint64_t ns) noexcept {
    ++buckets_[bucket_of(ns)];
    ++count_;
    total_ += ns;
    if (ns > max_) max_ = ns;
  }
  void merge(const histogram& other) noexcept;

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] std::uint64_t total_ns() const noexcept { return total_; }
  [[nodiscard]] std::uint64_t max_ns() const noexcept { return max_; }
  // The upper edge of the bucket in which the quantile lies, at most max_ns(); 0 where nothing was counted.
  [[nodiscard]] std::uint64_t quantile_ns(double q) const noexcept;

private:
  // Values below 8 have a bucket each; above, 8 buckets for each power of two.
  static constexpr std::size_t bucket_of(std::uint64_t ns) noexcept {
    if (ns < 8) return ns;
    const auto power = static_cast<std::size_t>(std::bit_width(ns)) - 1;  // >= 3
    return (power - 2) * 8 + ((ns >> (power - 3)) & 7);
  }
  static constexpr std::uint64_t upper_edge(std::size_t bucket) noexcept {
    if (bucket < 8) return bucket;
    const std::size_t power = bucket / 8 + 2;
    return ((std::uint64_t{8} + bucket % 8 + 1) << (power - 3)) - 1;
  }

  std::array<std::uint64_t, 62 * 8> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t total_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace pawl::core
