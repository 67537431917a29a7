// Checkpoints one behind the other in memory of their own, for who writes them into no lane.
#pragma once

#include "record/checkpoint.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace pawl::core {

class record_group {
public:
  // Returns where it begins in bytes().
  std::size_t add(const checkpoint_header& header, std::string_view text, std::span<const std::byte> payload = {}) {
    const std::size_t used = packed_size(header, text.size()) + text.size() + payload.size();
    const std::size_t at = words_.size();
    words_.resize(at + (used + 7) / 8);
    auto* const record = reinterpret_cast<std::byte*>(words_.data() + at);
    std::byte* place = pack(header, text.size(), record);
    if (!text.empty()) std::memcpy(place, text.data(), text.size());
    place += text.size();
    if (!payload.empty()) std::memcpy(place, payload.data(), payload.size());
    seal_record(record, used);
    ++records_;
    return at * sizeof(std::uint64_t);
  }
  [[nodiscard]] std::size_t records() const noexcept { return records_; }
  // Dies with the next add().
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return std::as_bytes(std::span{words_}); }
  [[nodiscard]] std::span<std::byte> bytes() noexcept { return std::as_writable_bytes(std::span{words_}); }
  void clear() noexcept {
    words_.clear();
    records_ = 0;
  }

private:
  std::vector<std::uint64_t> words_;
  std::size_t records_ = 0;
};

}  // namespace pawl::core
