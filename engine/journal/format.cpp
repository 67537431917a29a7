#include "journal/format.hpp"

#include "store/crc32c.hpp"

#include <charconv>
#include <vector>

namespace pawl::core {
namespace {

// Everything behind magic and crc.
template <class Header>
std::span<const std::byte> sealed_part(const Header& header) noexcept {
  return std::as_bytes(std::span{&header, 1}).subspan(2 * sizeof(std::uint32_t));
}

}  // namespace

journal_salt::journal_salt(const state_uuid& uuid) noexcept : uuid_(uuid), salt_(crc32c(uuid)) {}

std::uint32_t journal_salt::crc(std::span<const std::byte> bytes) const noexcept { return crc32c(bytes, salt_); }

void journal_salt::seal(segment_header& header) const noexcept {
  header.magic = segment_magic;
  header.crc = crc(sealed_part(header));
}
void journal_salt::seal(frame_header& header) const noexcept {
  header.magic = frame_magic;
  header.crc = crc(sealed_part(header));
}
bool journal_salt::is_sealed(const segment_header& header) const noexcept {
  return header.magic == segment_magic && header.crc == crc(sealed_part(header));
}
bool journal_salt::is_sealed(const frame_header& header) const noexcept {
  return header.magic == frame_magic && header.crc == crc(sealed_part(header));
}

std::span<const std::byte> zeros() {
  static const std::vector<std::byte> all(std::size_t{1} << 20);
  return all;
}

std::optional<std::uint64_t> slot_of(std::string_view file_name) {
  std::uint64_t slot = 0;
  const char* const end = file_name.data() + file_name.size();
  const auto read = std::from_chars(file_name.data(), end, slot);
  if (read.ec != std::errc{} || read.ptr != end || std::to_string(slot) != file_name) return std::nullopt;
  return slot;
}

bool is_unfinished_segment(std::string_view file_name) {
  return file_name.starts_with("new-") && slot_of(file_name.substr(4)).has_value();
}

}  // namespace pawl::core
