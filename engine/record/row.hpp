// The row: what an item is now, as bytes.
//
// Checkpoints say what happened (checkpoint.hpp); folded in order they give the
// row (fold.hpp). Little-endian:
//
//    0  u32  CRC32C of the item's address (u64) followed by bytes 4 to the end
//    4  u8   format, 1
//    5  u8   bits 0-2 state, 3 sticky, 4 input_is_key, 5 trouble follows, 6 started; bit 7 zero
//    6  u16  revision
//    8  u16  reached: steps completed
//   10  u16  value number of the latest result; 0: none
//   12  u32  sequence of the last checkpoint folded in
//   16  u64  digest of the input
//   24  u64  updated: microseconds of the Unix epoch
//   32  varint generation
//       varint size of the typed key, then the key
//       where bit 5: varint failed attempts of the step it stands at,
//                    varint back-off that remains, ns,
//                    varint size of the error, then the error
//       varint number of values; for each, by ascending value number:
//         varint (number << 3 | keep << 2 | place)
//         varint size of the encoded value, u64 schema hash
//         place 0, in the row:     the encoded value
//         place 1, in chunks:      u32 CRC32C of the encoded value
//         place 2, in a file:      u32 CRC32C, varint epoch, varint number
//       varint number of step times; for each, from the last step to the first:
//         varint zigzag(previous ended - ended), where `previous` starts as `updated`
//         varint (took ns << 1 | (attempts != 1)); then, where that bit is set, varint attempts
//
//       while the item is pending or in progress and the row is short: zeros to a multiple of 64 bytes
//
// A done item of three steps with a key of 20 bytes and no kept result takes
// some 80 bytes. The item's address is workflow << 48 | item; that it is part of
// the checksum makes a row in another's place a damaged one.
//
// Where the values in place 1 lie is the backend's business. This part knows
// nothing of files, threads or LMDB.
#pragma once

#include "record/checkpoint.hpp"

#include <pawl/report.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace pawl::core {

inline constexpr std::size_t row_fixed_size = 32;
inline constexpr std::uint8_t row_format = 1;
inline constexpr std::size_t slack_multiple = 64;   // of the size of a row that is still rewritten step by step
inline constexpr std::size_t slack_size_max = 960;  // longer rows have none

enum class value_place : std::uint8_t { in_row = 0, chunks = 1, file = 2 };

struct row_value {
  std::uint16_t number = 0;  // value number (erased.hpp): 0 is the input
  bool keep = false;         // stays beside later ones
  value_place place = value_place::in_row;
  std::uint64_t schema_hash = 0;
  std::uint64_t size = 0;   // of the encoded value
  std::uint32_t crc = 0;    // of the encoded value; 0 in the row, whose own covers it
  std::uint64_t epoch = 0;  // with file_number the name of the file
  std::uint64_t file_number = 0;
  std::span<const std::byte> bytes;  // the encoded value, in the row
};

struct row_times {
  std::uint64_t ended_us = 0;
  std::uint64_t took_ns = 0;  // below 2^63
  std::uint32_t attempts = 0;
};

// A row in memory. Views point into what it was read or folded from.
struct row {
  item_state state = item_state::pending;
  bool sticky = false;
  bool input_is_key = false;
  bool started = false;  // the next step was to be called, at most once, and no end of that is recorded
  revision_id revision = 0;
  std::uint16_t reached = 0;
  std::uint16_t result_number = 0;
  std::uint32_t sequence = 0;  // 0: there is no such item yet
  std::uint32_t generation = 0;
  std::uint64_t input_digest = 0;
  std::uint64_t updated_us = 0;
  std::string_view key;
  std::uint32_t attempts = 0;
  std::uint64_t delay_ns = 0;
  std::string_view error;
  std::vector<row_value> values;  // ascending numbers
  std::vector<row_times> times;   // by step, as far as reached; one more where it failed or was skipped

  void clear() noexcept;  // keeps the vectors' room
  [[nodiscard]] const row_value* value(std::uint16_t number) const noexcept;
  [[nodiscard]] row_value* value(std::uint16_t number) noexcept;
  // Takes the value's place in the order, replacing one of the same number.
  void set_value(const row_value& fresh);
};

enum class row_part : std::uint8_t {
  head,  // everything in front of attempts, delay and error
  whole,
};

// Reads a row, checking every byte's checksum; what is not asked for is cleared.
// Throws pawl::error(damaged) on any bytes that write_row did not make for this address.
void read_row(std::span<const std::byte> bytes, item_address address, row_part part, row& into);

// The key in a row, without looking at the checksum; empty where there is none. For finding
// candidates: read_row has the word.
[[nodiscard]] std::string_view peek_row_key(std::span<const std::byte> bytes) noexcept;

// The bytes of a row. They lie in `room`, which grows as needed and is reused; nothing in `from`
// may point into it.
[[nodiscard]] std::span<const std::byte> write_row(const row& from, item_address address, std::vector<std::byte>& room);

}  // namespace pawl::core
