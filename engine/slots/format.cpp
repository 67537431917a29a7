#include "slots/format.hpp"

#include "store/crc32c.hpp"

#include <cstring>

namespace pawl::core {
namespace {

std::uint32_t crc_of(const slot_header& header) noexcept {
  return crc32c(std::as_bytes(std::span{&header, 1}).first(offsetof(slot_header, header_crc)));
}

}  // namespace

void seal(slot_header& header) noexcept { header.header_crc = crc_of(header); }

std::optional<slot_header> header_of(std::span<const std::byte> block) noexcept {
  slot_header header;
  if (block.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, block.data(), sizeof header);
  if (header.magic != slot_magic || header.header_crc != crc_of(header)) return std::nullopt;
  return header;
}

}  // namespace pawl::core
