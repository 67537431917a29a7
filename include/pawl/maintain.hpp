// Looking after a state directory: is everything in it what was stored, give room
// back to the disk, make a copy that can be used.
//
//   pawl::verify_report found = pawl::verify("crawl.pawl");
//   if (!found.whole()) std::cerr << found.findings.front().sentence << '\n';
//
// No C++ types of workflows are needed. The tool's `pawl verify`, `pawl compact` and
// `pawl backup` are these functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace pawl {

/// How far one of these functions is. `part`: what it is at: "pages", "items", ...; valid during the callback.
struct maintain_progress {
  std::string_view part;
  std::uint64_t done = 0;
  std::uint64_t of = 0;  ///< 0: not known
};
/// Called now and then, by the thread that called the function. What it throws ends it, as far as it is.
using tell_maintain = std::function<void(const maintain_progress&)>;

/// Something that is not what it must be.
struct verify_finding {
  std::string part;      ///< pages, records, items, index, lists, counters, values, files, tables, journal, loops
  std::string workflow;  ///< where it concerns one
  std::string key;       ///< of the item, as `pawl show` takes it, where it is known
  std::string step;      ///< where it concerns one
  std::string sentence;  ///< what is wrong
  std::string advice;    ///< what can be done
  bool derived = false;  ///< nothing is lost: verify with `repair` makes it anew
};

struct verify_options {
  /// Makes what is derived from the items anew where it is wrong: index of keys, lists of failed and skipped items, names
  /// of files, counters. Needs the state for itself, and room for a second data.mdb.
  bool repair = false;
  std::size_t findings_max = 1000;  ///< so many are kept; all are counted
  tell_maintain progress{};
};

struct verify_report {
  std::uint64_t found = 0;               ///< of findings, also those beyond findings_max
  std::vector<verify_finding> findings;
  std::vector<std::string> notes;        ///< nothing wrong, but worth knowing: a sentence each
  bool repaired = false;                 ///< it was, and `findings` are what is wrong now

  // What was looked at.
  std::uint64_t pages = 0;          ///< of data.mdb
  std::uint64_t items = 0;
  std::uint64_t values = 0;         ///< inputs and results outside of their item's row
  std::uint64_t files = 0;          ///< of those, in files of their own
  std::uint64_t table_entries = 0;
  std::uint64_t journaled = 0;      ///< items of which the journal has what data.mdb has not
  std::uint64_t checkpoints = 0;    ///< of loops

  [[nodiscard]] bool whole() const noexcept { return found == 0; }
};

/// Reads everything that is stored in a state directory, against its checksums and against each other: pages, rows, index,
/// lists, counters, values, files, tables, the journal, checkpoints of loops.
///
/// Without `repair` it changes nothing, and may run beside an engine: it then looks at one moment, which it holds as long as
/// it takes, so data.mdb grows meanwhile where much is written. Memory is bounded, whatever the size of the state, but for
/// what the journal holds. With `repair`, what is wrong and derived is made anew in a copy of data.mdb that takes its place
/// at once, so a crash leaves the state as it was or repaired. Damage that costs data is told, not repaired.
///
/// Throws not_a_state, newer_format, io; state_in_use where it can only be looked at by another user or from another
/// container, and with `repair` where anybody has it open; disk_full. What is damaged is a finding.
[[nodiscard]] verify_report verify(const std::filesystem::path& state, const verify_options& options = {});

struct compact_report {
  std::uint64_t bytes_before = 0;  ///< that data.mdb takes on the disk
  std::uint64_t bytes_after = 0;
};

/// Gives the room back to the disk that data.mdb has and does not need any more: it never shrinks by itself. Everything that
/// is in it is copied in order into a new file, which then takes its place at once: a crash leaves the one or the other.
///
/// Needs room for the copy, and the state for itself: throws state_in_use where anybody has it open, also for reading.
/// While it works, nothing else is opened in this process. What is not folded in of the journal stays in the journal.
/// Throws also not_a_state, newer_format, damaged (nothing is changed then), disk_full, io.
compact_report compact(const std::filesystem::path& state, const tell_maintain& progress = {});

struct backup_report {
  std::uint64_t items = 0;
  std::uint64_t files = 0;        ///< values in files of their own
  std::uint64_t checkpoints = 0;  ///< of loops
  std::uint64_t checkpoints_missed = 0;  ///< being written, or damaged, at each look; a loop whose two are so begins anew in the copy
  std::uint64_t journaled = 0;    ///< bytes of records that were folded in out of the journal
};

/// Copies a state as it is at one moment, also while an engine works on it, to `target`, which must not exist. The copy is a
/// state like any other: what was recorded at that moment is recorded in it, and no more is done again. It is verified before it gets
/// its name, so that a backup that is there is a good one. A crash leaves nothing of that name.
///
/// The copy has a uuid of its own, and therefore **its steps have other idempotency keys than the original's**: what a step
/// was doing at that moment, and what comes after it, both may do, if both are run. Plans (engine::plan) are not copied.
/// Holds a snapshot as long as it takes, and the records of the journal in memory. Throws bad_argument where `target` exists;
/// not_a_state, state_in_use as looking at a state does; damaged, disk_full, io.
backup_report backup(const std::filesystem::path& state, const std::filesystem::path& target, const tell_maintain& progress = {});

}  // namespace pawl
