#include "maintain/log_copy.hpp"

#include "journal/control.hpp"
#include "journal/recovery.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <cstring>
#include <numeric>

namespace pawl::core {
namespace {

constexpr std::size_t window_size = std::size_t{4} << 20;
constexpr lsn everything_there_is = ~lsn{0};

// False where the owner wrote over something that was read.
bool copy_part(file_system& files, const std::filesystem::path& directory, const journal_salt& salt, const log_part& part, lsn end,
               log_copy& into) {
  frame_walker walker(salt);
  walker.start(*part.in, part.from, window_size);
  for (frame one; walker.place().first < std::min(part.end, end);) {
    if (!walker.next(one) || !walker.payload_matches(one)) return false;
    if (one.header.first + one.header.size > end) break;
    std::vector<std::uint64_t>& words = into.frames.emplace_back(one.payload.size() / sizeof(std::uint64_t));
    if (!words.empty()) std::memcpy(words.data(), one.payload.data(), one.payload.size());
    into.sizes.push_back(one.payload.size());
  }
  const auto again = open_segment(files, directory, part.in->slot, salt, false);
  return again && again->header.number == part.in->header.number;
}

}  // namespace

std::vector<std::span<const std::byte>> log_copy::groups() const {
  std::vector<std::span<const std::byte>> all;
  for (std::size_t i = 0; i < frames.size(); ++i) all.push_back(std::as_bytes(std::span{frames[i]}).first(sizes[i]));
  return all;
}

std::uint64_t log_copy::bytes() const noexcept { return std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0}); }

lsn end_of_log_now(file_system& files, const std::filesystem::path& directory, const state_uuid& uuid) {
  const log_witness witness = read_control(files, directory, journal_salt(uuid));
  return witness.same_boot ? witness.written : everything_there_is;  // before a restart nobody is writing
}

std::optional<log_copy> copy_log(file_system& files, const std::filesystem::path& directory, const state_uuid& uuid,
                                 const journal_mark& mark, lsn end) {
  log_copy copy;
  if (mark.drained || end <= mark.applied) return copy;
  const journal_salt salt(uuid);
  const found_log found = find_log(files, directory, salt, mark.applied, mark.durable, false);
  for (const log_part& part : found.parts)
    if (!copy_part(files, directory, salt, part, end, copy)) return std::nullopt;
  return copy;
}

}  // namespace pawl::core
