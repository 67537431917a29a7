// A batch: the checkpoints of one commit, put in the order in which they are
// folded.
//
// Groups come from many workers; a backend wants them item by item, ascending,
// because what lies together in the order of ids lies together on the disk. Of
// one item, the sequence decides. Memory is reused from batch to batch.
//
// An item that begins in one batch and ends in the next can be set aside for it:
// then it is folded once, whole, instead of twice.
#pragma once

#include "record/row.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pawl::core {

class batch {
public:
  // Replaces what it held, but for what was set aside, by the whole checkpoints of `groups`. All must stay in place as
  // long as the batch is used. Throws pawl::error(bad_argument) where a group is cut off within a record.
  void gather(std::span<const std::span<const std::byte>> groups);
  // Adds these to what the last gather() took in, and puts all in order.
  void add(std::span<const std::span<const std::byte>> groups);
  // Takes out the youngest items of the groups gathered last: from the first on that is new in them and has not ended
  // yet, those that are new. The next gather() adds them, and they are not set aside again. False where there are none.
  [[nodiscard]] bool set_unfinished_aside();
  // Is there something that was set aside?

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
  // The checkpoint at this place, if there is one, will soon be asked for.
  void prefetch(std::size_t place) const noexcept {
    if (place >= order_.size()) return;
    const std::byte* record = records_[order_[place].index];
    __builtin_prefetch(record);
    __builtin_prefetch(record + 64);
    __builtin_prefetch(record + 128);
  }
  // As which one it came, counted over all groups and what was set aside before.
  [[nodiscard]] std::size_t arrival_of(std::size_t place) const noexcept { return order_[place].index; }
  [[nodiscard]] checkpoint at(std::size_t place) const noexcept { return checkpoint_at(records_[order_[place].index]); }

private:
  struct entry {
    item_address address;
    std::uint32_t sequence;
    std::uint32_t index : 30;  // in records_
    std::uint32_t admits : 1;
    std::uint32_t ends : 1;
    friend bool operator<(const entry& a, const entry& b) noexcept {
      if (a.address != b.address) return a.address < b.address;
      if (a.sequence != b.sequence) return a.sequence < b.sequence;
      return a.index < b.index;
    }
  };
  static_assert(sizeof(entry) == 16);
  void take_back();
  void sort();
  void gather_group(std::span<const std::byte> group);
  bool sort_by_counting();
  [[nodiscard]] bool is_new(const run& one) const noexcept;

  std::vector<const std::byte*> records_;  // as they came
  std::vector<entry> order_;
  std::vector<entry> sorted_;              // while sorting
  std::vector<std::uint32_t> places_;      // while sorting, by address
  std::vector<entry> aside_;               // whose index is that in
  std::vector<const std::byte*> records_aside_;
  std::size_t taken_back_ = 0;             // so many of records_ were set aside before
  std::uint64_t bytes_ = 0;
};

}  // namespace pawl::core
