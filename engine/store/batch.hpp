// A batch: the checkpoints of one commit, put in the order in which they are
// folded.
//
// Groups come from many workers; a backend wants them item by item, ascending,
// because what lies together in the order of ids lies together on the disk. Of
// one item, the sequence decides. Memory is reused from batch to batch.
#pragma once

#include "record/row.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pawl::core {

class batch {
public:
  // Replaces what it held by the whole checkpoints of `groups`, which must stay in place as long as
  // the batch is used. Throws pawl::error(bad_argument) where a group is cut off within a record.
  void gather(std::span<const std::span<const std::byte>> groups);

  [[nodiscard]] std::size_t size() const noexcept { return order_.size(); }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

  // The checkpoints of one item, in sequence.
  struct run {
    item_address address = 0;
    std::size_t first = 0;
    std::size_t last = 0;  // one past
  };
  // The run that begins at place `first`, which must be below size().
  [[nodiscard]] run run_at(std::size_t first) const noexcept;
  [[nodiscard]] checkpoint at(std::size_t place) const noexcept { return checkpoint_at(records_[order_[place].index]); }

private:
  struct entry {
    item_address address;
    std::uint32_t sequence;
    std::uint32_t index;
    friend bool operator<(const entry& a, const entry& b) noexcept {
      if (a.address != b.address) return a.address < b.address;
      if (a.sequence != b.sequence) return a.sequence < b.sequence;
      return a.index < b.index;
    }
  };
  void gather_group(std::span<const std::byte> group);
  bool sort_by_counting();

  std::vector<const std::byte*> records_;  // as they came
  std::vector<entry> order_;
  std::vector<entry> sorted_;              // while sorting
  std::vector<std::uint32_t> places_;      // while sorting, by address
  std::uint64_t bytes_ = 0;
};

}  // namespace pawl::core
