// A set of dense ids: which items this run has seen.
//
// A page covers 65,536 ids: absent while none is in, a bitmap of 8 KiB while
// some are, and a mere mark once all are. Ids that come in order, as they do on
// a re-run over the same source, so keep one bitmap at a time. Ids far from all
// others, which only a state that was forged has, cost no more than any.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace pawl::core {

class id_set {
public:
  // True where `id` was not in yet.
  bool insert(std::uint64_t id) {
    page& one = page_for(id >> 16);
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
    const page* const one = find_page(id >> 16);
    if (one == nullptr) return false;
    return one->full || (one->bits && (one->bits->words[(id & 0xffff) >> 6] & std::uint64_t{1} << (id & 63)) != 0);
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
  // As many pages again, and 64 million ids.
  [[nodiscard]] bool is_far(std::uint64_t number) const noexcept { return number >= 2 * pages_.size() + 1024; }
  page& page_for(std::uint64_t number) {
    if (number < pages_.size()) return pages_[static_cast<std::size_t>(number)];
    if (is_far(number)) return far_[number];
    pages_.resize(static_cast<std::size_t>(number) + 1);
    for (auto one = far_.begin(); one != far_.end() && one->first <= number; one = far_.erase(one))
      pages_[static_cast<std::size_t>(one->first)] = std::move(one->second);
    return pages_.back();
  }
  [[nodiscard]] const page* find_page(std::uint64_t number) const {
    if (number < pages_.size()) return &pages_[static_cast<std::size_t>(number)];
    const auto found = far_.find(number);
    return found != far_.end() ? &found->second : nullptr;
  }

  std::vector<page> pages_;
  std::map<std::uint64_t, page> far_;  // none of which is in pages_
  std::unique_ptr<bitmap> spare_;
  std::uint64_t size_ = 0;
};

}  // namespace pawl::core
