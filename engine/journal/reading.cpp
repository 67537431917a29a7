#include "journal/reading.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <string>

namespace pawl::core {
namespace {

[[noreturn]] void throw_changed(const std::filesystem::path& directory, const segment& in, std::uint64_t offset) {
  throw error(errc::damaged, "journal: " + (directory / std::to_string(in.slot)).string() + " is not what was written to it, at byte " +
                                 std::to_string(offset) +
                                 ": some other program writes to it, or the disk fails; close the engine and look at "
                                 "the kernel's log");
}

}  // namespace

bool take_frames(live_segment& from, lsn limit, std::uint64_t bytes_max, log_batch& into) {
  into.held.push_back(from.memory);
  for (; from.read_from.first < from.end; ++from.next_frame) {
    const written_frame& one = from.frames[from.next_frame];
    const lsn behind = from.read_from.first + one.payload_size;
    if (behind > limit || into.bytes >= bytes_max) return false;
    into.groups.emplace_back(from.memory->bytes.data() + one.offset + sizeof(frame_header),
                             static_cast<std::size_t>(one.payload_size));
    into.bytes += one.payload_size;
    from.read_from.first = into.end = behind;
  }
  return true;
}

bool read_frames(live_segment& from, const journal_salt& salt, const std::filesystem::path& directory, lsn limit,
                 std::uint64_t bytes_max, log_batch& into) {
  if (into.windows_used == into.windows.size()) into.windows.push_back(std::make_unique<frame_walker>(salt));
  frame_walker& walker = *into.windows[into.windows_used++];
  const auto window = static_cast<std::size_t>(
      std::min<std::uint64_t>(from.used - from.read_from.offset, block_end(bytes_max + sizeof(frame_header))));
  walker.start(*from.in, from.read_from, window);
  frame one;
  bool first = true;
  while (from.read_from.first < std::min(from.end, limit)) {
    if (!walker.next(one, first)) {
      if (first) throw_changed(directory, *from.in, from.read_from.offset);
      return false;  // it lies behind the window
    }
    if (one.header.first + one.header.size > limit) return false;
    if (!walker.payload_matches(one)) throw_changed(directory, *from.in, one.offset);
    first = false;
    into.groups.push_back(one.payload);
    into.bytes += one.payload.size();
    into.end = one.header.first + one.header.size;
    from.read_from = walker.place();
  }
  return from.read_from.first == from.end;
}

}  // namespace pawl::core
