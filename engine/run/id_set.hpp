// A set of dense ids: which items this run has seen.
//
// A page covers 65,536 ids: absent while none is in, a bitmap of 8 KiB while
// some are, and a mere mark once all are. Ids that come in order, as they do on
// a re-run over the same source, so keep one bitmap at a time.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace pawl::core {

class id_set {
public:
  // True where `id` was not in yet.
  bool insert(std::uint64_t id) {
    const std::size_t number = static_cast<std::size_t>(id >> 16);
    if (number >= pages_.size()) pages_.resize(number + 1);
    page& one = pages_[number];
    if (one.full) return false;
    if (!one.bits) one.bits = spare_ ? std::move(spare_) : std::make_unique<bitmap>();
    std::uint64_t& word = one.bits->words[(id & 0xffff) >> 6];
    const std::uint64_t bit = std::uint64_t{1} << (id & 63);
    if ((word & bit) != 0) return false;
    word |= bit;
    ++size_;
    if (++one.bits->count == 65536) {
      *one.bits = {};
      spare_ = std::move(one.bits);  // ids in order need one bitmap for ever
      one.full = true;
    }
    return true;
  }
  [[nodiscard]] bool contains(std::uint64_t id) const {
    const std::size_t number = static_cast<std::size_t>(id >> 16);
    if (number >= pages_.size()) return false;
    const page& one = pages_[number];
    return one.full || (one.bits && (one.bits->words[(id & 0xffff) >> 6] & std::uint64_t{1} << (id & 63)) != 0);
  }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

private:
  struct bitmap {
    std::array<std::uint64_t, 1024> words{};
    std::uint32_t count = 0;
  };
  struct page {
    std::unique_ptr<bitmap> bits;
    bool full = false;
  };
  std::vector<page> pages_;
  std::unique_ptr<bitmap> spare_;
  std::uint64_t size_ = 0;
};

}  // namespace pawl::core
