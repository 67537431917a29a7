// The segments that a journal has: making new ones, taking free ones, giving them
// back to be written over.
//
// Segments are written over with zeros before they are first used, because a
// flush that also extends a file costs twice as much. They double in size, so that
// a small state stays small and a large one soon has few large ones.
//
// The journal's lock guards it.
#pragma once

#include "journal/options.hpp"
#include "journal/segment.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <vector>

namespace pawl::core {

class segment_pool {
public:
  // All must outlive it.
  segment_pool(file_system& files, const std::filesystem::path& directory, const journal_options& options)
      : files_(files), directory_(directory), options_(options) {}

  // Slots are given out behind this one.
  void begin_behind(std::uint64_t slot) noexcept { newest_slot_ = slot; }
  [[nodiscard]] std::uint64_t new_slot() noexcept { return ++newest_slot_; }
  // One that was not made here is the journal's from now on.
  void count(const segment& more) noexcept { size_ += more.size; }
  // Precondition: made or counted here. Odd ones, and what is above the limit, are removed.
  void set_free(std::shared_ptr<segment> old);
  // A free one of at least this size; null where there is none.
  [[nodiscard]] std::shared_ptr<segment> take(std::uint64_t size);
  // Adds a new one to the free ones. The lock is open while the file is made. Throws pawl::error: disk_full, io; the next
  // one may be tried. Precondition: nobody else makes one.
  void make(std::unique_lock<std::mutex>& lock, std::uint64_t size);
  // Of the next one to be made.
  [[nodiscard]] std::uint64_t next_size() const noexcept;

  [[nodiscard]] bool has_free() const noexcept { return !free_.empty(); }
  [[nodiscard]] bool is_full() const noexcept { return size_ >= options_.size_max; }
  [[nodiscard]] bool is_making() const noexcept { return making_; }
  // The last one could not be made.
  [[nodiscard]] bool made_in_vain() const noexcept { return in_vain_; }

private:
  [[nodiscard]] std::shared_ptr<segment> make_file(std::uint64_t slot, std::uint64_t size);

  file_system& files_;
  const std::filesystem::path& directory_;
  const journal_options& options_;
  std::vector<std::shared_ptr<segment>> free_;
  std::uint64_t size_ = 0;  // of all segments
  std::uint64_t newest_slot_ = 0;
  bool making_ = false;
  bool in_vain_ = false;
};

}  // namespace pawl::core
