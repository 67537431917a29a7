#include "slots/slot_writer.hpp"

#include "store/crc32c.hpp"

#include <algorithm>
#include <cstring>

namespace pawl::core {

void slot_writer::write_out(std::span<const std::byte> bytes) {
  crc_ = crc32c(bytes, crc_);  // first, so that the bytes are in the processor's caches when the kernel copies them
  into_.write(at_, bytes);
  at_ += bytes.size();
}

void slot_writer::empty_buffer() {
  const auto used = static_cast<std::size_t>(cursor_ - buffer_.data());
  cursor_ = buffer_.data();
  if (used != 0) write_out(buffer_.first(used));
}

// Everything lies in the file in whole buffers from a multiple of 4 KiB, so no page is written twice.
bool slot_writer::pass_on(const void* data, std::size_t size) {
  std::span<const std::byte> bytes{static_cast<const std::byte*>(data), size};
  const auto take = [&](std::size_t count) {
    std::memcpy(cursor_, bytes.data(), count);
    cursor_ += count;
    bytes = bytes.subspan(count);
  };
  take(std::min(bytes.size(), static_cast<std::size_t>(end_ - cursor_)));
  if (cursor_ == end_) empty_buffer();
  for (; bytes.size() >= buffer_.size(); bytes = bytes.subspan(buffer_.size()))
    write_out(bytes.first(buffer_.size()));
  if (!bytes.empty()) take(bytes.size());
  return true;
}

void slot_writer::make_room(std::size_t) { empty_buffer(); }  // never asked: pass_on takes everything

void slot_writer::finish() { empty_buffer(); }

}  // namespace pawl::core
