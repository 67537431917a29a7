// A segment: one file of the journal, and walking over its frames.
#pragma once

#include "file/file_system.hpp"
#include "journal/format.hpp"
#include "store/large_memory.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>

namespace pawl::core {

struct segment {
  std::uint64_t slot = 0;     // the file's name
  std::uint64_t size = 0;     // of the file, bytes; at least a block
  std::unique_ptr<file> bytes;
  segment_header header{};    // number 0: it has none that is valid, and the slot may be written over
};

// The file in this slot with its header, if that is valid; none where the file is shorter than a block.
// Throws pawl::error(newer_format) on a header of another format.
[[nodiscard]] std::unique_ptr<segment> open_segment(file_system& files, const std::filesystem::path& directory,
                                                    std::uint64_t slot, const journal_salt& salt, bool to_write);

// Where a frame may begin, and what tells that it is the next one.
struct frame_place {
  std::uint64_t offset = journal_block_size;
  lsn first = 0;
  std::uint32_t link = 0;
};
[[nodiscard]] frame_place first_place(const segment_header& header) noexcept;

struct frame {
  frame_header header{};
  std::uint64_t offset = 0;             // of the header in the file
  std::span<const std::byte> payload;   // whole records, aligned to 8; checked only by payload_matches
};

// Reads frames one after the other. What it gives lies in a window of the file that it holds in memory, and stays
// until it reads the next window.
class frame_walker {
public:
  explicit frame_walker(const journal_salt& salt) : salt_(salt) {}

  // From this place of the segment on. `of` must outlive the walk. `window`: bytes to read at a time, at least.
  void start(const segment& of, const frame_place& place, std::size_t window);
  // True where a frame with a valid header, whose payload lies within the file, follows at the place.
  // `may_read` false: only where it lies in the window that is in memory.
  [[nodiscard]] bool next(frame& into, bool may_read = true);
  [[nodiscard]] bool payload_matches(const frame& one) const noexcept {
    return salt_.crc(one.payload) == one.header.payload_crc;
  }
  // Where the next frame is looked for: behind the one that next() gave.
  [[nodiscard]] const frame_place& place() const noexcept { return place_; }

private:
  [[nodiscard]] bool hold(std::uint64_t offset, std::size_t size, bool may_read);
  [[nodiscard]] bool look_at(std::uint64_t offset, frame& into, bool may_read);
  [[nodiscard]] const std::byte* at(std::uint64_t offset) const noexcept { return buffer_.data() + (offset - held_); }

  journal_salt salt_;
  const segment* of_ = nullptr;
  frame_place place_;
  std::uint64_t file_end_ = 0;
  std::size_t window_ = 0;
  large_memory buffer_;
  std::uint64_t held_ = 0;       // offset of the window
  std::size_t held_size_ = 0;
};

// Calls `each` with every valid header of a frame of this state that lies in the file, whatever life of the slot it is
// from: for witnesses of what was durable, and for telling what was lost.
void each_frame_header(const segment& in, const journal_salt& salt,
                       const std::function<void(const frame_header&, std::uint64_t offset)>& each);

}  // namespace pawl::core
