// Finding out, at an opening, what the journal holds: which frames follow each
// other from the applied lsn on, and whether that is all that must be there.
//
// Reads only. What lies behind the end of the log is one of two things: a tail
// that nobody was told of, which is dropped and counted, or - where a witness says
// that it was on the disk - damage, which is named and never skipped.
#pragma once

#include "journal/segment.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace pawl::core {

// A segment of the log, and which part of the stream it holds.
struct log_part {
  std::shared_ptr<segment> in;
  frame_place from;  // of the first frame that is not applied
  lsn end = 0;       // behind the last frame
  std::uint64_t end_offset = 0;  // in the file
};

struct found_log {
  lsn end = 0;                                 // frames follow each other up to here; at least the applied lsn
  lsn durable = 0;                             // of that, what was on the disk for certain
  std::vector<log_part> parts;                 // in order; what is applied is left out
  std::vector<std::shared_ptr<segment>> free;  // may be written over
  std::uint64_t dropped_bytes = 0;             // of records that nobody was told of
  std::uint64_t newest_number = 0;             // of all segments that could be read
  std::uint64_t newest_slot = 0;
  std::string remark;                          // for people: what was dropped; empty: nothing
};

// `to_write`: the segments are opened for writing, by the owner; what earlier openings left half made is removed and
// the directory is synced. Otherwise nothing is changed, and the log may be growing meanwhile.
// What is in front of `applied` is not asked for; up to `durable` all must be there, somebody knows for certain.
// Throws pawl::error: damaged (the sentence says where and how much is missing), newer_format, io.
[[nodiscard]] found_log find_log(file_system& files, const std::filesystem::path& directory, const journal_salt& salt,
                                 lsn applied, lsn durable, bool to_write);

}  // namespace pawl::core
