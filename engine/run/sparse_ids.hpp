// A set of ids, most of which come in order: a bit for each, and words only where there are some.
#pragma once

#include "record/checkpoint.hpp"

#include <bit>
#include <cstdint>
#include <map>
#include <optional>

namespace pawl::core {

class sparse_ids {
public:
  // False where it is in it already.
  bool insert(item_id id) {
    const std::uint64_t number = id / 64;
    const bool in_order = words_.empty() || words_.rbegin()->first < number;
    std::uint64_t& word = in_order ? words_.emplace_hint(words_.end(), number, 0)->second : words_[number];
    const std::uint64_t bit = std::uint64_t{1} << (id % 64);
    if ((word & bit) != 0) return false;
    word |= bit;
    ++size_;
    return true;
  }
  [[nodiscard]] bool contains(item_id id) const {
    const auto found = words_.find(id / 64);
    return found != words_.end() && (found->second >> (id % 64) & 1) != 0;
  }
  // The smallest, which is in it no more.
  [[nodiscard]] std::optional<item_id> take_first() {
    if (words_.empty()) return std::nullopt;
    const auto first = words_.begin();
    const auto at = static_cast<unsigned>(std::countr_zero(first->second));
    const item_id id = first->first * 64 + at;
    first->second &= first->second - 1;
    if (first->second == 0) words_.erase(first);
    --size_;
    return id;
  }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

private:
  std::map<std::uint64_t, std::uint64_t> words_;  // none of them 0
  std::uint64_t size_ = 0;
};

}  // namespace pawl::core
