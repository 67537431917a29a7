// The journal's replay over files that a stranger changed: segments and the control page of a log with known records, with
// edits to them, whose checksums are made right where the input says so.
//
// What is found must be records that follow each other, or a named error; without made checksums nothing but what was
// appended.
#include "fuzz.hpp"

#include "journal/control.hpp"
#include "journal/journal.hpp"
#include "journal/reading.hpp"
#include "journal/recovery.hpp"
#include "support/memory_files.hpp"

#include <algorithm>
#include <memory>

using namespace pawl;
using namespace pawl::core;
using namespace pawl::fuzz;
using pawl::test::memory_files;

namespace {

const std::filesystem::path directory = "/state/journal";
const state_uuid uuid{std::byte{1}, std::byte{2}, std::byte{3}};
const journal_options small{.durability = durability::power,
                            .size_max = 256 << 10,
                            .segment_size_first = 16 << 10,
                            .segment_size_max = 32 << 10,
                            .mapped_append_max = 0,
                            .memory_max = 0};

struct written_log {
  std::unique_ptr<memory_files> files;
  std::vector<std::byte> stream;
};

// Two lives of a log, over several segments.
const written_log& the_log() {
  static const written_log made = [] {
    written_log log;
    auto files = std::make_unique<memory_files>();
    journal::make(*files, directory, uuid);
    const journal_salt salt(uuid);
    for (std::uint64_t epoch = 1; epoch <= 2; ++epoch) {
      journal open(*files, directory, uuid, epoch, find_log(*files, directory, salt, 0, 0, true), small);
      for (std::size_t i = 0; i < 12; ++i) {
        std::vector<std::byte> group((i * 911 % 3000 + 8) / 8 * 8);
        for (std::size_t at = 0; at < group.size(); ++at) group[at] = static_cast<std::byte>(at * 7 + i + epoch);
        const std::span<const std::byte> groups[] = {group};
        open.append(groups);
        log.stream.insert(log.stream.end(), group.begin(), group.end());
      }
    }
    log.files = files->after_kill();
    return log;
  }();
  return made;
}

void seal_at(std::vector<std::byte>& bytes, std::size_t offset, const journal_salt& salt) {
  const auto seal = [&]<class Header>(Header header) {
    if (offset + sizeof header > bytes.size()) return;
    std::memcpy(&header, bytes.data() + offset, sizeof header);
    salt.seal(header);
    std::memcpy(bytes.data() + offset, &header, sizeof header);
  };
  if (offset == 0)
    seal(segment_header{});
  else
    seal(frame_header{});
}

// Each edit: which file, what is done, where, with which bytes.
bool edit(memory_files& files, input_reader& in, const journal_salt& salt) {
  auto paths = files.all_files();
  std::sort(paths.begin(), paths.end());
  const auto& path = paths[in.take<std::uint8_t>() % paths.size()];
  std::vector<std::byte>& bytes = files.bytes_of(path);
  const auto what = in.take<std::uint8_t>() % 6;
  const std::size_t offset = bytes.empty() ? 0 : in.take<std::uint32_t>() % bytes.size();
  if (what == 0) {  // overwrite some bytes
    const auto with = in.bytes(in.take<std::uint8_t>() % 64);
    std::copy_n(with.begin(), std::min(with.size(), bytes.size() - offset), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
  } else if (what == 1) {  // a field of a frame's or segment's header, made right again
    const std::size_t header = offset / frame_alignment * frame_alignment;
    const std::size_t field = 8 + in.take<std::uint8_t>() % 14 * std::size_t{4};
    const auto value = in.take<std::uint64_t>();
    if (header + frame_alignment <= bytes.size()) std::memcpy(bytes.data() + header + field, &value, std::min(sizeof value, 64 - field));
    seal_at(bytes, header, salt);
    return true;
  } else if (what == 2) {
    bytes.resize(offset);
  } else if (what == 3) {  // a block of one file in the place of another's
    const auto& from = files.bytes_of(paths[in.take<std::uint8_t>() % paths.size()]);
    const std::size_t at = offset / journal_block_size * journal_block_size;
    const std::size_t source = from.empty() ? 0 : in.take<std::uint32_t>() % from.size() / 512 * 512;
    const std::size_t size = std::min({std::size_t{4096}, bytes.size() - at, from.size() - source});
    std::vector<std::byte> block(from.begin() + static_cast<std::ptrdiff_t>(source), from.begin() + static_cast<std::ptrdiff_t>(source + size));
    std::copy(block.begin(), block.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
  } else if (what == 4) {
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), std::min<std::size_t>(512, bytes.size() - offset), std::byte{0});
  } else {
    bytes.resize(bytes.size() + in.take<std::uint16_t>());
  }
  return false;
}

}  // namespace

void pawl::fuzz::feed(std::span<const std::byte> input) {
  const written_log& original = the_log();
  const auto files = original.files->after_kill();
  const journal_salt salt(uuid);
  input_reader in(input);
  const lsn applied = std::min<lsn>(in.take<std::uint16_t>() / 8 * 8, original.stream.size());
  const lsn durable = std::max(applied, std::min<lsn>(in.take<std::uint16_t>() / 8 * 8, original.stream.size()));
  const bool to_write = in.take<std::uint8_t>() % 2 == 0;
  bool forged = false;
  for (int edits = 0; edits < 16 && !in.empty(); ++edits) forged = edit(*files, in, salt) || forged;

  expect(
      [&] {
        found_log found = find_log(*files, directory, salt, applied, durable, to_write);
        must(found.end >= applied && found.end >= durable);
        const lsn end = found.end;
        lsn at = applied;
        if (!to_write) {
          frame_walker walker(salt);
          for (const log_part& part : found.parts) {
            walker.start(*part.in, part.from, 1 << 16);
            frame one;
            while (walker.place().first < part.end && walker.next(one)) {
              if (one.header.first < at || !walker.payload_matches(one)) continue;
              if (!forged) must(std::equal(one.payload.begin(), one.payload.end(), original.stream.begin() + static_cast<std::ptrdiff_t>(one.header.first)));
              at = one.header.first + one.header.size;
            }
          }
          return;
        }
        if (!forged) must(end <= original.stream.size());
        journal_options roomy = small;
        roomy.size_max = 64 << 20;  // where the log is full whoever appends waits for an applier, and there is none here
        journal open(*files, directory, uuid, 7, std::move(found), roomy);
        const std::vector<std::byte> group(64, std::byte{9});
        const std::span<const std::byte> groups[] = {group};
        open.append(groups);
        must(open.recorded() == end + group.size());
      },
      {errc::damaged, errc::newer_format, errc::io});
}

std::vector<std::vector<std::byte>> pawl::fuzz::seeds() {
  std::vector<std::vector<std::byte>> all;
  for (unsigned char what = 0; what < 6; ++what) {
    std::vector<std::byte> one(5);
    for (unsigned char file = 0; file < 4; ++file)
      for (const int byte : {int{file}, int{what}, 0, 0x10 * file, 0, 0, 9, 8, 7, 6, 5, 4})
        one.push_back(static_cast<std::byte>(byte));
    all.push_back(one);
    one[4] = std::byte{1};
    all.push_back(one);
  }
  return all;
}
