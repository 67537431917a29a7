// Keys of items that have ended and that snapshots may not show yet, because
// storage has them in a log of its own (durability rule 14).
//
// An open-addressing table of hashes of keys, with the order in which they leave
// it. No more are in it than storage takes in before it makes a run wait: that
// bounds it. A hash that two keys share costs a look, and nothing else. Not
// thread-safe.
#pragma once

#include "run/growing_ring.hpp"
#include "store/backend.hpp"

#include <cstdint>
#include <vector>

namespace pawl::core {

class unseen_keys {
public:
  // Everything that was recorded of the item lies in front of `position`, which never falls.
  void add(std::uint64_t key_hash, log_position position) {
    if ((size_ + 1) * 2 > slots_.size()) grow();
    insert(key_hash);
    ++size_;
    order_.push_back(key_hash);
    if (groups_.empty() || groups_.back().position != position) groups_.push_back({position, 0});
    ++groups_.back().count;
  }

  // Whatever lies in front of `seen` needs no place any more.
  void forget(log_position seen) noexcept {
    for (; !groups_.empty() && groups_.front().position <= seen; groups_.pop_front())
      for (std::uint64_t i = 0; i < groups_.front().count; ++i) {
        erase(order_.front());
        order_.pop_front();
      }
  }

  [[nodiscard]] bool may_have(std::uint64_t key_hash) const noexcept {
    if (size_ == 0) return false;
    const std::uint64_t hash = stored(key_hash);
    for (std::size_t at = hash & mask(); slots_[at] != 0; at = (at + 1) & mask())
      if (slots_[at] == hash) return true;
    return false;
  }

  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

private:
  struct group {
    log_position position;
    std::uint64_t count;
  };
  [[nodiscard]] static std::uint64_t stored(std::uint64_t hash) noexcept { return hash != 0 ? hash : 1; }
  [[nodiscard]] std::size_t mask() const noexcept { return slots_.size() - 1; }

  void insert(std::uint64_t key_hash) noexcept {
    const std::uint64_t hash = stored(key_hash);
    std::size_t at = hash & mask();
    while (slots_[at] != 0) at = (at + 1) & mask();
    slots_[at] = hash;
  }

  // Precondition: it is in.
  void erase(std::uint64_t key_hash) noexcept {
    const std::uint64_t hash = stored(key_hash);
    std::size_t hole = hash & mask();
    while (slots_[hole] != hash) hole = (hole + 1) & mask();
    // Close the hole: move back whatever probed past it.
    for (std::size_t at = (hole + 1) & mask(); slots_[at] != 0; at = (at + 1) & mask()) {
      const std::size_t home = slots_[at] & mask();
      if (((at - home) & mask()) >= ((at - hole) & mask())) {
        slots_[hole] = slots_[at];
        hole = at;
      }
    }
    slots_[hole] = 0;
    --size_;
  }

  void grow() {
    std::vector<std::uint64_t> old(slots_.empty() ? 1024 : slots_.size() * 2);
    old.swap(slots_);
    for (const std::uint64_t hash : old)
      if (hash != 0) insert(hash);
  }

  std::vector<std::uint64_t> slots_;  // a power of two; 0: free
  std::uint64_t size_ = 0;
  growing_ring<std::uint64_t> order_;
  growing_ring<group> groups_;
};

}  // namespace pawl::core
