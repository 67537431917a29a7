// A slot: a file that holds one checkpoint of a loop's state. A loop has two of
// them, written in turn; which checkpoint lies in a slot its header says, its name
// (a number) says nothing.
//
//   offset 0      slot_header                            128 bytes
//                 zeros                                  to 4,096
//   offset 4,096  the encoded state                      slot_header::size bytes
//                 what longer states left behind         to the end of the file
//
// Little-endian. The state is written first and flushed, then the header, and
// flushed: a header that checks has its state behind it, unless the state has been
// written over since, which its checksum tells. So of two slots a crash leaves one
// untouched, whatever it does to the other.
#pragma once

#include "record/checkpoint.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace pawl::core {

// For what a checkpoint is: the idempotency key of the loop's step for its item, 32 hex digits. It covers state,
// workflow, key, step, generation and input, so another history never takes it for its own.
using loop_identity = std::array<char, 32>;

inline constexpr std::uint64_t slot_magic = 0x31746f6c536c7750;  // "PwlSlot1"
inline constexpr std::uint64_t slot_payload_at = 4096;

struct slot_header {
  std::uint64_t magic = slot_magic;
  std::array<std::byte, 16> uuid{};   // of the state directory
  loop_identity identity{};
  item_id item = 0;                   // with the four below: where its row is, to find out whether it is still needed
  workflow_id workflow = 0;
  revision_id revision = 0;
  std::uint16_t step = 0;
  std::uint16_t reserved = 0;
  std::uint32_t generation = 0;       // of the item; for people, the identity covers it
  std::uint32_t version = 0;          // of the step
  std::uint64_t schema_hash = 0;      // of the state
  std::uint64_t round = 0;            // rounds done; of two slots of a loop the greater one is the later
  std::uint64_t size = 0;             // of the encoded state
  std::uint64_t written_us = 0;       // Unix epoch; for people
  std::uint64_t zeros = 0;
  std::uint32_t payload_crc = 0;      // CRC32C of the encoded state
  std::uint32_t header_crc = 0;       // CRC32C of all before
};
static_assert(sizeof(slot_header) == 128 && offsetof(slot_header, header_crc) == 124);

// Completes a header by its checksum.
void seal(slot_header& header) noexcept;
// The header at the front of a slot; nothing where there is none, or it is torn.
[[nodiscard]] std::optional<slot_header> header_of(std::span<const std::byte> block) noexcept;

}  // namespace pawl::core
