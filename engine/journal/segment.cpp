#include "journal/segment.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace pawl::core {

std::unique_ptr<segment> open_segment(file_system& files, const std::filesystem::path& directory, std::uint64_t slot,
                                      const journal_salt& salt, bool to_write) {
  const auto path = directory / std::to_string(slot);
  auto opened = std::make_unique<segment>();
  opened->slot = slot;
  opened->bytes = to_write ? files.open_to_write(path) : files.open(path);
  opened->size = opened->bytes->size();
  if (opened->size < journal_block_size) return nullptr;
  segment_header header;
  opened->bytes->read(0, std::as_writable_bytes(std::span{&header, 1}));
  if (!salt.is_sealed(header) || header.uuid != salt.uuid() || header.first > lsn_max) return opened;
  if (header.format != journal_format)
    throw error(errc::newer_format, "journal: " + path.string() + " has format " + std::to_string(header.format) +
                                        " and this release reads format " + std::to_string(journal_format) +
                                        "; use the release that wrote it");
  opened->header = header;
  return opened;
}

frame_place first_place(const segment_header& header) noexcept {
  return {journal_block_size, header.first, header.crc};
}

void frame_walker::start(const segment& of, const frame_place& place, std::size_t window) {
  of_ = &of;
  place_ = place;
  window_ = window;
  file_end_ = std::min(of.size, of.bytes->size());
  held_size_ = 0;
}

// True where these bytes of the file are in memory now.
bool frame_walker::hold(std::uint64_t offset, std::size_t size, bool may_read) {
  if (offset > file_end_ || size > file_end_ - offset) return false;
  if (held_size_ != 0 && offset >= held_ && offset + size <= held_ + held_size_) return true;
  if (!may_read) return false;
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(std::max(size, window_), file_end_ - offset));
  held_size_ = 0;
  if (wanted > buffer_.size()) buffer_ = large_memory(wanted);
  of_->bytes->read(offset, {buffer_.data(), wanted});
  held_ = offset;
  held_size_ = wanted;
  return true;
}

bool frame_walker::look_at(std::uint64_t offset, frame& into, bool may_read) {
  if (!hold(offset, sizeof(frame_header), may_read)) return false;
  frame_header header;
  std::memcpy(&header, at(offset), sizeof header);
  if (header.first > lsn_max || header.first != place_.first || header.link != place_.link || !salt_.is_sealed(header)) return false;
  if (header.epoch != of_->header.epoch || header.segment != of_->header.number) return false;
  if (header.size % 8 != 0 || header.size > frame_payload_max) return false;
  if (!hold(offset, sizeof header + header.size, may_read)) return false;
  into.header = header;
  into.offset = offset;
  into.payload = {at(offset) + sizeof header, header.size};
  return true;
}

bool frame_walker::next(frame& into, bool may_read) {
  const std::uint64_t close = (place_.offset + frame_alignment - 1) / frame_alignment * frame_alignment;
  const std::uint64_t block = block_end(place_.offset);
  if (!look_at(close, into, may_read) && (block == close || !look_at(block, into, may_read))) return false;
  place_ = {into.offset + sizeof(frame_header) + into.header.size, into.header.first + into.header.size,
            into.header.crc};
  return true;
}

void each_frame_header(const segment& in, const journal_salt& salt,
                       const std::function<void(const frame_header&, std::uint64_t offset)>& each) {
  constexpr std::size_t piece_size = std::size_t{1} << 20;
  const std::uint64_t end = std::min(in.size, in.bytes->size()) / frame_alignment * frame_alignment;
  std::vector<std::byte> piece(static_cast<std::size_t>(std::min<std::uint64_t>(piece_size, end)));
  const auto next = [&](std::uint64_t offset) {
    return std::max(offset, in.bytes->skip_hole(offset) / journal_block_size * journal_block_size);
  };
  for (std::uint64_t offset = next(journal_block_size); offset < end; offset = next(offset + piece_size)) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(piece_size, end - offset));
    in.bytes->read(offset, std::span{piece}.first(size));
    for (std::size_t at = 0; at + sizeof(frame_header) <= size; at += frame_alignment) {
      frame_header header;
      std::memcpy(&header, piece.data() + at, sizeof header);
      if (header.magic == frame_magic && header.first <= lsn_max && salt.is_sealed(header)) each(header, offset + at);
    }
  }
}

}  // namespace pawl::core
