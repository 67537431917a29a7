// The checkpoint record: what the engine says about an item, as bytes.
//
// A checkpoint is a *delta*: it says what happened, not what the item is now.
// A row (row.hpp) is what an item is now; folding a row and its checkpoints in
// order gives the next row. Workers write checkpoints into their lanes (run/),
// a backend folds them into rows. The same bytes will be the payload of journal
// frames.
//
// Layout, little-endian, in a buffer aligned to 8:
//
//   packed_header       32 bytes
//   packed_more         24 bytes, where the header says so
//   text                text_size bytes      (see checkpoint_kind)
//   payload             the rest             (schema hash u64, then the encoded value; or a large_object)
//   zeros               to a multiple of 8
//
// A record is written, checksummed, copied and read by the million, so what nearly
// all have alike, or have not at all, takes no room in it.
//
// This part knows nothing of threads, files or LMDB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace pawl::core {

using item_id = std::uint64_t;       // dense, per workflow, in the order of admission; below 2^48
using workflow_id = std::uint16_t;   // per state
using revision_id = std::uint16_t;   // per workflow: which recorded chain a step number refers to

// Both in one: the order in which rows lie.
inline constexpr unsigned item_bits = 48;
inline constexpr item_id item_id_end = item_id{1} << item_bits;  // behind the last one
using item_address = std::uint64_t;
[[nodiscard]] constexpr item_address address_of(workflow_id workflow, item_id item) noexcept {
  return item_address{workflow} << item_bits | item;
}
[[nodiscard]] constexpr workflow_id workflow_of_address(item_address address) noexcept {
  return static_cast<workflow_id>(address >> item_bits);
}
[[nodiscard]] constexpr item_id item_of_address(item_address address) noexcept {
  return address & (item_id_end - 1);
}

enum class checkpoint_kind : std::uint8_t {
  admitted = 1,   // a new item. text: its typed key. payload: its input, or empty. detail: input digest
  completed = 2,  // step `step` returned. payload: its result, or empty for void. detail: how long it took, ns
  attempt_failed = 3,  // step `step` failed and will be tried again. text: the error. detail: delay until then, ns
  failed = 4,     // step `step` failed for good. text: the error. detail: how long the last attempt took, ns
  skipped = 5,    // the item is skipped in step `step`. text: the reason. detail: as above
  reset = 6,      // the item is to go on at step `step` of `revision` (a rerun, a changed input or chain).
                  // generation is the new one. payload: the new input, or empty to keep what is stored.
                  // text: empty. detail: the new input digest. Stored results of steps >= `step` are dropped.
  interrupted = 7,  // nothing happened but time: what remains of a back-off at a stop. detail: remaining delay, ns
  started = 8,    // step `step` is about to be called, at most once: until its end is recorded nobody knows what became
                  // of it. detail: 0
};

namespace checkpoint_flag {
inline constexpr std::uint8_t last = 1;        // completed, reset: the item is done with it
inline constexpr std::uint8_t keep = 2;        // completed: keep this result beside later ones
inline constexpr std::uint8_t discard = 4;     // completed, with last: do not store the result
inline constexpr std::uint8_t sticky = 8;      // failed: later runs leave it alone
inline constexpr std::uint8_t large = 16;      // payload is a large_object, not the value itself
inline constexpr std::uint8_t input_is_key = 32;  // admitted, reset: no input stored, the key says it all
}  // namespace checkpoint_flag

// What a record says, in memory.
struct checkpoint_header {
  std::uint32_t size;          // of the whole record, with padding; a multiple of 8
  std::uint32_t text_size;
  std::uint32_t payload_size;
  checkpoint_kind kind;
  std::uint8_t flags;
  workflow_id workflow;
  revision_id revision;
  std::uint16_t step;          // counts from 0
  std::uint32_t attempt;       // counts from 1; 0 where no attempt is meant
  std::uint32_t generation;    // of the item; raised by a rerun or a changed input
  std::uint32_t sequence;      // of this record among the item's: row.sequence + 1, + 2, ...
  item_id item;
  std::uint64_t at_us;         // when, microseconds of the Unix epoch; below 2^52
  std::uint64_t detail;        // see checkpoint_kind
};

// The same as bytes. The size comes last of all, with what only the finished record knows.
struct packed_header {
  std::uint32_t size_and_padding;   // size, and in its low three bits the number of zeros at the end
  checkpoint_kind kind;
  std::uint8_t flags_and_more;      // bit 7: a packed_more follows, and has the word on what both hold
  std::uint16_t step;
  item_address address;
  std::uint64_t at_and_sequence;    // at_us << 12 | bits 16 to 27 of the sequence
  std::uint32_t detail;
  revision_id revision;
  std::uint16_t sequence;           // its low bits
};
struct packed_more {
  std::uint32_t text_size;          // without it 0
  std::uint32_t attempt;            // without it 1
  std::uint32_t generation;         // without it 0
  std::uint32_t sequence;
  std::uint64_t detail;
};
static_assert(sizeof(packed_header) == 32 && sizeof(packed_more) == 24);

namespace packed {
inline constexpr std::uint8_t more = 0x80;
inline constexpr unsigned sequence_bits = 12;  // beside the time
inline constexpr std::uint32_t padding_mask = 7;
}  // namespace packed

inline constexpr std::size_t max_key_size = 64 * 1024;               // typed key without its tag byte
inline constexpr std::size_t max_payload_size = std::size_t{1} << 30;  // encoded input or result
inline constexpr std::size_t max_reason_size = 8 * 1024;               // of an error or a reason; longer ones are cut

// A payload that lies in a file of its own (store/backend.hpp). The value's
// schema hash stands here and not in the file.
struct large_object {
  std::uint64_t schema_hash;
  std::uint64_t epoch;    // together the name of the file
  std::uint64_t number;
  std::uint64_t size;     // of the encoded value, bytes
  std::uint32_t crc;      // CRC32C of it
  std::uint32_t reserved;
};
static_assert(sizeof(large_object) == 40);

// A checkpoint in place, in somebody's buffer; its header read out of it.
struct checkpoint {
  checkpoint_header header;
  std::string_view text;
  std::span<const std::byte> payload;
};

// Where the text and the payload of a record begin that says this.
[[nodiscard]] constexpr bool needs_more(const checkpoint_header& header, std::size_t text_size) noexcept {
  return text_size != 0 || header.attempt != 1 || header.generation != 0 || header.sequence >> (16 + packed::sequence_bits) != 0 ||
         header.detail >> 32 != 0;
}
[[nodiscard]] constexpr std::size_t packed_size(const checkpoint_header& header, std::size_t text_size) noexcept {
  return sizeof(packed_header) + (needs_more(header, text_size) ? sizeof(packed_more) : 0);
}

// Writes all but the size to the front of `into`, which has room for packed_size() bytes; returns where the text goes.
std::byte* pack(const checkpoint_header& header, std::size_t text_size, std::byte* into) noexcept;
// Completes a record of `used` bytes: zeros to a multiple of 8, and the size, which is returned.
std::uint32_t seal_record(std::byte* record, std::size_t used) noexcept;

// The record at the front of `bytes`, which must hold it whole and well formed:
// for buffers of this process only. (Bytes from a disk are checked where they are read.)
[[nodiscard]] checkpoint checkpoint_at(const std::byte* bytes) noexcept;

// What has to be known of a record to sort it, without reading the rest.
struct record_place {
  std::uint32_t size;
  std::uint32_t sequence;
  item_address address;
  bool admits;            // the item is new with it
  bool ends;              // the item is done, failed or skipped with it
};
// Nothing where `left` bytes do not begin with a whole and well-formed record.
[[nodiscard]] std::optional<record_place> place_of_record(const std::byte* bytes, std::size_t left) noexcept;

}  // namespace pawl::core
