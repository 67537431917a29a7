#include "lmdb/long_values.hpp"

#include <algorithm>
#include <string>

namespace pawl::core {

void put_chunks(write_transaction& txn, item_address address, std::uint16_t part, std::span<const std::byte> bytes) {
  for (std::uint16_t number = 0; !bytes.empty(); ++number) {
    const std::size_t size = std::min(bytes.size(), chunk_size);
    txn.put(txn.env().in().chunks, chunk_key(address, part, number), bytes.first(size));
    bytes = bytes.subspan(size);
  }
}

void erase_chunks(write_transaction& txn, item_address address, std::uint16_t part, std::uint64_t first,
                  std::uint64_t size) {
  for (std::uint64_t number = first; number < chunks_of(size); ++number)
    txn.erase(txn.env().in().chunks, chunk_key(address, part, static_cast<std::uint16_t>(number)));
}

void get_chunks(const transaction& txn, item_address address, std::uint16_t part, std::uint64_t size,
                std::vector<std::byte>& into) {
  into.clear();
  for (std::uint64_t number = 0; number < chunks_of(size); ++number) {
    const auto chunk = txn.get(txn.env().in().chunks, chunk_key(address, part, static_cast<std::uint16_t>(number)));
    const std::uint64_t wanted = std::min<std::uint64_t>(chunk_size, size - into.size());
    if (!chunk || chunk->size() != wanted)
      throw error(errc::damaged, "lmdb: a piece of item " + std::to_string(item_of_address(address)) + " of workflow " +
                                     std::to_string(workflow_of_address(address)) + " is missing or cut off in " +
                                     txn.env().state().string() + "; run `pawl verify` on it or restore a backup");
    into.insert(into.end(), chunk->begin(), chunk->end());
  }
}

std::span<const std::byte> whole_row(const transaction& txn, item_address address, std::span<const std::byte> entry,
                                     std::vector<std::byte>& room) {
  const std::size_t size = long_row_size(entry, address);
  if (size == 0) return entry;
  get_chunks(txn, address, row_part_number, size, room);
  return room;
}

}  // namespace pawl::core
