// The LMDB layout, byte by byte.
//
// A state directory (0700, its files 0600):
//
//   data.mdb     the LMDB environment; lock.mdb beside it is LMDB's own
//   journal/     the write-ahead log in front of data.mdb (journal/format.hpp)
//   owner        the locks of the processes that have the state open, and who came last (owner_lock.hpp)
//   blobs/       values above the large threshold, one file each, named EPOCH-NUMBER in decimal:
//                the encoded value, and zeros to the end of its last block (blobs.hpp)
//
// Sub-databases of data.mdb. Numbers in keys are big-endian, so that keys sort as numbers do; in
// values little-endian. An address is workflow << 48 | item, a u64.
//
//   meta     see below
//   items    address                              -> row (record/row.hpp) of at most 2,022 bytes, or
//                                                    u32 0, u8 0xff, u32 size: the row lies in
//                                                    chunks as part 0xffff
//   index    u16 workflow, typed key              -> u32 CRC32C of (key, id), the id (u64) of the item
//            where these are more than 510 bytes:    with this key
//            u16 workflow, the first 493 bytes of
//            the typed key, u128 hash of it        -> u32 CRC32C of (key, ids), the ids (u64 each) of the
//                                                    items with this hash; the row's key decides
//   states   u8 state, address                    -> nothing; failed and skipped items only
//   chunks   address, u16 part, u16 number        -> up to 4,080 bytes of the value with number `part`
//   files    u64 epoch, u64 number                -> the address (u64) of the item that names the file
//   tables   u16 table, typed key                 -> u32 CRC32C of (key, what follows), u8 0, the encoded value; or
//                                                    u8 1, u32 size, u32 CRC32C of the value, u64 number: the value
//                                                    lies in chunks, as part 0 of item `number` of workflow 0
//   claims   u8 0, address                        -> u32 CRC32C of (key, epoch), u32 0, u64 epoch of the process that has
//                                                    this item; only where several share the state (members.hpp)
//            u8 1, address                        -> nothing: its process died, and nobody has it yet
//
// Why the index has checksums although the row's key decides: where a key is not found, its neighbours
// are checked, for a damaged key would lie next to where it was looked for, and taking its item for a
// new one would repeat its steps.
//
// Why 2,022: LMDB moves a value out of its leaf page where 8 bytes of node header, key and value
// exceed 2,038 bytes (pages of 4,096); 8 + 8 + 2,022 is exactly that. Why 4,080: with LMDB's page
// header of 16 bytes that is one whole page, and one page is found without a search.
//
// Records of meta, each u32 CRC32C of (key, body) and then its body:
//
//   "format"                   16 bytes "pawl state" and zeros, u32 version 1 or 2, 16 bytes uuid, u64 created us; version 2, a
//                              copy that `pawl backup` made: 16 bytes salt, the first original's uuid: what keys of the index
//                              and digests of inputs are hashed with (version 1: the uuid)
//   "opened"                   u64 epoch, u8 mode (1: each group is a commit, 2: with a journal, 3: as 1, by
//                              several processes), u32 LMDB
//                              version, u64 inode of the PID namespace, u64 when, us, u8 durability (0 power,
//                              1 process; absent: power); rewritten by each opening for writing
//   "journal"                  u64 lsn applied, u64 lsn durable, u8 drained; absent: 0, 0, 1. Changes with the rows it speaks of
//   "w", u16 workflow          its name
//   "r", u16 workflow, u16 revision
//                              u64 input schema, u8 input_is_key, varint number of steps; for each:
//                              u8 kind, u8 keep, varint version, u64 result schema, varint size, name
//   "c", u16 workflow          u64 next item (above every id that was ever given, also to items that were removed), then
//                              u64 the number of items in each of the five states
//   "p", u64 epoch             a process that shares the state: u64 pid, u64 inode of its PID namespace
//   "u", u64 epoch, u16 workflow
//                              u16 the revision of the workflow that this process runs
//   "d", u16 workflow          u64 when the done item that ended first had ended, us, as the last removal left it; absent:
//                              nothing was ever removed
//   "h", u16 workflow, u16 revision
//                              for reached = 0, 1, ...: u64 the number of items of this revision there
//   "t", u16 table             u64 schema of its keys, u64 schema of its values, u64 number of entries, its name
//   "v"                        u64 the number that the next value of a table that lies in chunks gets
//   "s", u64 hash              the canonical bytes of a schema (the one value that may take several
//                              contiguous pages: written once per type)
#pragma once

#include "record/hash.hpp"
#include "record/row.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace pawl::core {

inline constexpr std::uint32_t state_format = 2;          // the newest that is read
inline constexpr std::uint32_t format_of_new_states = 1;
inline constexpr std::uint32_t format_of_copies = 2;      // the same with a salt of its own
inline constexpr std::size_t row_size_max_in_page = 2022;
inline constexpr std::size_t chunk_size = 4080;
inline constexpr std::size_t index_key_size_max = 511;
inline constexpr std::uint16_t row_part_number = 0xffff;
inline constexpr std::size_t long_row_size_max = std::size_t{16} << 20;
inline constexpr std::size_t long_row_stub_size = 9;

// A key of at most 511 bytes, built in place.
class lmdb_key {
public:
  lmdb_key& text(std::string_view bytes) noexcept;
  lmdb_key& big_endian(std::uint64_t number, unsigned bytes) noexcept;
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {bytes_.data(), size_}; }
  void clear() noexcept { size_ = 0; }

private:
  std::array<std::byte, index_key_size_max> bytes_;
  std::size_t size_ = 0;
};

[[nodiscard]] std::uint64_t read_big_endian(std::span<const std::byte> bytes) noexcept;

[[nodiscard]] std::array<std::byte, 8> item_key(item_address address) noexcept;
[[nodiscard]] std::array<std::byte, 9> state_key(item_state state, item_address address) noexcept;
[[nodiscard]] std::array<std::byte, 12> chunk_key(item_address address, std::uint16_t part,
                                                  std::uint16_t number) noexcept;
[[nodiscard]] std::array<std::byte, 16> file_key(std::uint64_t epoch, std::uint64_t number) noexcept;
// True where the key alone tells the item; false where it holds a hash.
bool make_index_key(const hash_key& uuid, workflow_id workflow, std::string_view typed_key, lmdb_key& into) noexcept;

// The ids in an entry of the index. Throws pawl::error(damaged) where its checksum is wrong.
[[nodiscard]] std::span<const std::byte> ids_of_index_entry(std::span<const std::byte> key,
                                                            std::span<const std::byte> entry);
// Replaces `into` by the entry with these ids.
void make_index_entry(std::span<const std::byte> key, std::span<const std::byte> ids, std::vector<std::byte>& into);

// How a row that is too long for its page is stood in for.
[[nodiscard]] std::array<std::byte, long_row_stub_size> long_row_stub(std::uint32_t size) noexcept;
// The size of the row that these bytes stand in for; 0 where they are a row themselves.
// Throws pawl::error(damaged) on a size that cannot be.
[[nodiscard]] std::size_t long_row_size(std::span<const std::byte> bytes, item_address address);

}  // namespace pawl::core
