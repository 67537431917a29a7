#include "lmdb/layout.hpp"

#include "record/bytes.hpp"
#include "store/crc32c.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <cstring>
#include <string>

namespace pawl::core {
namespace {

constexpr std::size_t hash_size = sizeof(hash128);
constexpr std::size_t hashed_prefix_size = index_key_size_max - sizeof(workflow_id) - hash_size;
static_assert(hashed_prefix_size == 493);
constexpr std::uint8_t long_row_mark = 0xff;
static_assert(long_row_mark != row_format);

void store_big_endian(std::byte* into, std::uint64_t number, unsigned bytes) noexcept {
  for (unsigned at = bytes; at-- > 0;) *into++ = static_cast<std::byte>(number >> (8 * at));
}

}  // namespace

lmdb_key& lmdb_key::text(std::string_view bytes) noexcept {
  if (!bytes.empty()) std::memcpy(bytes_.data() + size_, bytes.data(), bytes.size());
  size_ += bytes.size();
  return *this;
}

lmdb_key& lmdb_key::big_endian(std::uint64_t number, unsigned bytes) noexcept {
  store_big_endian(bytes_.data() + size_, number, bytes);
  size_ += bytes;
  return *this;
}

std::uint64_t read_big_endian(std::span<const std::byte> bytes) noexcept {
  std::uint64_t number = 0;
  for (const std::byte byte : bytes) number = number << 8 | static_cast<std::uint64_t>(byte);
  return number;
}

std::array<std::byte, 8> item_key(item_address address) noexcept {
  std::array<std::byte, 8> key;
  store_big_endian(key.data(), address, 8);
  return key;
}

std::array<std::byte, 9> state_key(item_state state, item_address address) noexcept {
  std::array<std::byte, 9> key{static_cast<std::byte>(state)};
  store_big_endian(key.data() + 1, address, 8);
  return key;
}

std::array<std::byte, 12> chunk_key(item_address address, std::uint16_t part, std::uint16_t number) noexcept {
  std::array<std::byte, 12> key;
  store_big_endian(key.data(), address, 8);
  store_big_endian(key.data() + 8, part, 2);
  store_big_endian(key.data() + 10, number, 2);
  return key;
}

std::array<std::byte, 16> file_key(std::uint64_t epoch, std::uint64_t number) noexcept {
  std::array<std::byte, 16> key;
  store_big_endian(key.data(), epoch, 8);
  store_big_endian(key.data() + 8, number, 8);
  return key;
}

bool make_index_key(const hash_key& uuid, workflow_id workflow, std::string_view typed_key, lmdb_key& into) noexcept {
  into.clear();
  into.big_endian(workflow, sizeof workflow);
  if (sizeof workflow + typed_key.size() < index_key_size_max) {
    into.text(typed_key);
    return true;
  }
  const hash128 hash = hash_of(uuid, std::as_bytes(std::span{typed_key}));
  into.text(typed_key.substr(0, hashed_prefix_size)).big_endian(hash.high, 8).big_endian(hash.low, 8);
  return false;
}

std::span<const std::byte> ids_of_index_entry(std::span<const std::byte> key, std::span<const std::byte> entry) {
  std::uint32_t sum = 0;
  if (entry.size() >= sizeof sum) std::memcpy(&sum, entry.data(), sizeof sum);
  const auto ids = entry.subspan(std::min(sizeof sum, entry.size()));
  if (ids.empty() || ids.size() % sizeof(item_id) != 0 || sum != crc32c(ids, crc32c(key)))
    throw error(errc::damaged,
                "lmdb: an entry of the index of keys does not match its checksum; run `pawl verify --repair` on the "
                "state or restore a backup");
  return ids;
}

void make_index_entry(std::span<const std::byte> key, std::span<const std::byte> ids, std::vector<std::byte>& into) {
  const std::uint32_t sum = crc32c(ids, crc32c(key));
  into.resize(sizeof sum + ids.size());
  std::memcpy(into.data(), &sum, sizeof sum);
  std::memcpy(into.data() + sizeof sum, ids.data(), ids.size());
}

std::array<std::byte, long_row_stub_size> long_row_stub(std::uint32_t size) noexcept {
  std::array<std::byte, long_row_stub_size> stub;
  byte_writer out(stub.data());
  out.fixed(std::uint32_t{0});
  out.fixed(long_row_mark);
  out.fixed(size);
  return stub;
}

std::size_t long_row_size(std::span<const std::byte> bytes, item_address address) {
  if (bytes.size() != long_row_stub_size) return 0;
  byte_reader in(bytes);
  const auto zero = in.fixed<std::uint32_t>();
  const auto mark = in.fixed<std::uint8_t>();
  const auto size = in.fixed<std::uint32_t>();
  if (zero != 0 || mark != long_row_mark || size <= row_size_max_in_page || size > long_row_size_max)
    throw error(errc::damaged, "lmdb: the row of item " + std::to_string(item_of_address(address)) + " of workflow " +
                                   std::to_string(workflow_of_address(address)) +
                                   " is damaged; run `pawl verify` on the state or restore a backup");
  return size;
}

}  // namespace pawl::core
