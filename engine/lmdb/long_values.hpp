// Values in chunks, and rows that are too long for their page.
//
// LMDB looks for a run of free pages for every value above half a page, at a
// cost that grows with the free list (rule 22); pieces of one page need no search.
#pragma once

#include "lmdb/transaction.hpp"
#include "record/row.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pawl::core {

[[nodiscard]] constexpr std::uint64_t chunks_of(std::uint64_t size) noexcept {
  return (size + chunk_size - 1) / chunk_size;
}

void put_chunks(write_transaction& txn, item_address address, std::uint16_t part, std::span<const std::byte> bytes);
// Removes the chunks from `first` on of a part that had `size` bytes.
void erase_chunks(write_transaction& txn, item_address address, std::uint16_t part, std::uint64_t first,
                  std::uint64_t size);
// Throws pawl::error(damaged) where a chunk is missing or has another size.
void get_chunks(const transaction& txn, item_address address, std::uint16_t part, std::uint64_t size,
                std::vector<std::byte>& into);

// The row whose entry in `items` is `entry`: the entry itself, or put together in `room`.
[[nodiscard]] std::span<const std::byte> whole_row(const transaction& txn, item_address address,
                                                   std::span<const std::byte> entry, std::vector<std::byte>& room);

}  // namespace pawl::core
