// Reading the log back while it grows: out of memory where its segments are still
// there, else out of their files.
#pragma once

#include "journal/image.hpp"
#include "journal/segment.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

namespace pawl::core {

// A stretch of the log as it is read back, in memory of its own that is reused.
struct log_batch {
  std::vector<std::span<const std::byte>> groups;  // whole records, in the order of the log
  lsn end = 0;
  std::uint64_t bytes = 0;
  // Where the groups lie: in memory that they were appended from, or read from the files.
  std::vector<std::shared_ptr<const void>> held;
  std::vector<std::unique_ptr<frame_walker>> windows;
  std::size_t windows_used = 0;
};

struct written_frame {
  std::uint64_t offset;
  std::uint64_t payload_size;
};

// A segment of the log that is not given free yet.
struct live_segment {
  std::shared_ptr<segment> in;
  lsn end = 0;               // of the frames in it
  std::uint64_t used = 0;    // where the next one may begin
  frame_place read_from;     // where reading goes on
  bool dirty = false;        // has bytes that no flush has covered
  std::shared_ptr<image> memory;      // may be null: then it is read back from its file
  std::vector<written_frame> frames;  // in memory, not read yet from `next_frame` on
  std::size_t next_frame = 0;
};

// Both add frames up to `limit`, about until the batch has `bytes_max`, and move the segment's read_from. False where
// nothing more is to be read behind it.

// Precondition: it is in memory, which the batch then holds.
[[nodiscard]] bool take_frames(live_segment& from, lsn limit, std::uint64_t bytes_max, log_batch& into);
// `directory`: for what it throws, pawl::error(damaged), where the file does not hold what was written.
[[nodiscard]] bool read_frames(live_segment& from, const journal_salt& salt, const std::filesystem::path& directory,
                               lsn limit, std::uint64_t bytes_max, log_batch& into);

}  // namespace pawl::core
