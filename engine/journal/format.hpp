// The journal on the disk, byte by byte.
//
// The journal is a stream of checkpoint records (record/checkpoint.hpp). A place
// in it is an lsn: how many bytes of records lie in front of it, from the making
// of the state on; it never wraps and is never used again. The stream lies in
// segments, files of the directory `journal/` of a state:
//
//   control     4,096 bytes: a control_page, mapped while the state is open
//   N           a segment (N decimal, the slot): a segment_header in a block of
//               4,096 bytes, then frames. A slot is written over when what lay in
//               it is no longer needed, under a new segment number
//   new-N       a segment that is being made; removed by the next opening
//
// A frame is a frame_header and its payload: whole records, of a size that is a
// multiple of 8. Frames begin on a block of 4,096 bytes, so that no block that
// holds flushed data is ever written again; in `process` durability also on the
// next multiple of 64 behind the frame before, as long as nothing was flushed
// between the two. Behind a frame zeros follow to the end of its block.
//
// All numbers are little-endian. Checksums are CRC32C that begin with a salt, the
// CRC32C of the state's uuid: zeros are never valid, and neither is what another
// state wrote. Frames of an earlier life of a slot, or of a tail that recovery has
// cut off, are told by epoch, segment number, lsn and the link to the frame before.
//
// The log goes on from one segment to the next where the next one's `first` says,
// whatever frames the older one has behind that.
#pragma once

#include "store/backend.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace pawl::core {

using lsn = std::uint64_t;
inline constexpr lsn lsn_max = log_position_max;  // so that no sum of a place and a size wraps
using state_uuid = std::array<std::byte, 16>;

inline constexpr std::size_t journal_block_size = 4096;
inline constexpr std::size_t frame_alignment = 64;
inline constexpr std::uint64_t frame_payload_max = std::uint64_t{64} << 20;  // of any release; what is longer is forged
inline constexpr std::uint32_t journal_format = 1;
inline constexpr std::uint32_t segment_magic = 0x67655350;  // "PSeg"
inline constexpr std::uint32_t frame_magic = 0x6d724650;    // "PFrm"
inline constexpr std::uint32_t control_magic = 0x6c744350;  // "PCtl"

struct segment_header {
  std::uint32_t magic;
  std::uint32_t crc;      // of what follows
  std::uint32_t format;
  std::uint32_t reserved;
  state_uuid uuid;
  std::uint64_t epoch;    // of the opening that wrote it
  std::uint64_t number;   // ascending along the log, never used again
  lsn first;              // where the stream goes on here
  std::uint64_t reserved_too;
};
static_assert(sizeof(segment_header) == 64);

struct frame_header {
  std::uint32_t magic;
  std::uint32_t crc;            // of what follows
  lsn first;                    // of the first byte of the payload
  lsn durable;                  // what was on the disk for certain when this was written: a witness
  std::uint64_t epoch;          // as in the segment's header
  std::uint64_t segment;        // its number
  std::uint32_t size;           // of the payload
  std::uint32_t payload_crc;
  std::uint32_t link;           // crc of the header before this one: of the frame before, or of the segment
  std::uint32_t reserved;
  std::uint64_t reserved_too;
};
static_assert(sizeof(frame_header) == 64 && sizeof(frame_header) == frame_alignment);

// What the owner knows of its log: exact after a kill, for the page cache outlives the process; after a power cut some
// earlier truth. `durable` is stored twice, one after the other: where the two differ, the smaller one is true.
struct control_page {
  std::uint32_t magic;
  std::uint32_t crc;       // of the uuid
  state_uuid uuid;
  state_uuid boot;         // the boot of the machine during which it was written; zeros: unknown
  lsn durable;             // on the disk for certain
  lsn durable_again;
  lsn written;             // handed to the kernel, and therefore there as long as the machine does not restart
};
static_assert(sizeof(control_page) == 64);

// The checksums of one state.
class journal_salt {
public:
  explicit journal_salt(const state_uuid& uuid) noexcept;
  [[nodiscard]] std::uint32_t crc(std::span<const std::byte> bytes) const noexcept;
  // Of pieces that follow each other: start with begin().
  [[nodiscard]] std::uint32_t begin() const noexcept { return salt_; }
  [[nodiscard]] const state_uuid& uuid() const noexcept { return uuid_; }

  // Each sets magic and crc, or says whether they are right.
  void seal(segment_header& header) const noexcept;
  void seal(frame_header& header) const noexcept;
  [[nodiscard]] bool is_sealed(const segment_header& header) const noexcept;
  [[nodiscard]] bool is_sealed(const frame_header& header) const noexcept;

private:
  state_uuid uuid_;
  std::uint32_t salt_;
};

[[nodiscard]] constexpr std::uint64_t block_end(std::uint64_t offset) noexcept {
  return (offset + journal_block_size - 1) / journal_block_size * journal_block_size;
}

// Plenty of them, to write over what follows a frame, or a new segment.
[[nodiscard]] std::span<const std::byte> zeros();

// The slot in a file's name; nothing where it is not a segment's.
[[nodiscard]] std::optional<std::uint64_t> slot_of(std::string_view file_name);
[[nodiscard]] bool is_unfinished_segment(std::string_view file_name);

}  // namespace pawl::core
