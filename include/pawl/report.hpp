// What a run did, counted.
//
// engine::run returns a report. It adds up: every distinct key that the source
// gave is in exactly one of the five states.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pawl {

/// The states of an item. The numbers stand in stored rows: never reused.
enum class item_state : std::uint8_t { pending = 0, in_progress = 1, done = 2, failed = 3, skipped = 4 };

/// "pending", "in_progress", "done", "failed", "skipped".
[[nodiscard]] std::string_view name_of(item_state state) noexcept;

/// What the checkpoints of a pawl::loop were and cost in this run, all its items together. Shares are of the time that
/// rounds took.
struct loop_report {
  std::uint64_t rounds = 0;        ///< done in this run
  std::uint64_t checkpoints = 0;
  std::uint64_t bytes = 0;         ///< of all checkpoints
  std::uint64_t resumed = 0;       ///< loops that went on from a checkpoint
  std::uint64_t rounds_saved = 0;  ///< which those did not do again
  std::uint64_t started_over = 0;  ///< loops that had checkpoints, none of which could be read: begun again from their input
  double rounds_s = 0;             ///< time in rounds
  double checkpoints_s = 0;        ///< time in checkpoints; rounds wait for them
  double checkpoint_s = 0;         ///< one checkpoint: the mean of those that wrote over old ones, where there were any
  double interval_s = 0;           ///< between two, as chosen for that cost; 0 where rounds are counted
  double predicted_overhead = 0;   ///< checkpoint_s / interval_s
  /// With work done again after failures, by Young's model: predicted_overhead + (interval + checkpoint) / (2 mtbf).
  /// 0 where no mtbf is stated.
  double predicted_loss = 0;
  double measured_overhead = 0;    ///< checkpoints_s / rounds_s
};

/// One step of the chain in this run. Times are of the calls of its function, in seconds, without the
/// engine's own work; quantiles are right to 12.5 %.
struct step_report {
  std::string name;
  std::uint64_t calls = 0;      ///< attempts, whatever their end
  std::uint64_t completed = 0;  ///< calls that returned a result
  std::uint64_t failures = 0;   ///< attempts that failed
  std::uint64_t retries = 0;    ///< attempts after the first of an item in this step
  std::uint64_t skips = 0;      ///< items skipped here
  double total_s = 0;
  double median_s = 0;
  double p99_s = 0;
  double max_s = 0;
  std::optional<loop_report> loop{};  ///< of a pawl::loop
};

/// An item that ended failed or was skipped, for people to read.
struct report_entry {
  std::string key;     ///< printable
  std::string step;
  std::string reason;
};

/// done + failed + skipped + pending + in_progress == items.
struct report {
  std::string workflow;

  std::uint64_t items = 0;  ///< distinct keys that the source gave; of resume(): unfinished and failed items; of a session:
                            ///< what was submitted, again where its item had ended before
  std::uint64_t done = 0;
  std::uint64_t failed = 0;
  std::uint64_t skipped = 0;
  std::uint64_t pending = 0;      ///< admitted, no step completed: only where the run was stopped, or of those `left`
  std::uint64_t in_progress = 0;  ///< some step completed or tried, not ended: likewise

  std::uint64_t settled_before = 0;  ///< of the items: ended in an earlier run and left as they were; with opening::shared
                                     ///< also those that another process ended during this one
  std::uint64_t taken_over = 0;      ///< with opening::shared: left behind by a process that died, given by nobody's source
                                     ///< here, and brought to their end; not counted as items
  std::uint64_t vanished = 0;        ///< of children: recorded, but not given by their parent's source; not counted as items
  std::uint64_t duplicates = 0;      ///< further occurrences of a key in the source; not counted as items
  std::uint64_t resumed = 0;         ///< of the items: taken up behind at least one completed step
  std::uint64_t steps_saved = 0;     ///< completed steps that the resumed items did not do again
  std::uint64_t changed_inputs = 0;  ///< of the items: input differs from the one recorded
  std::uint64_t redone = 0;          ///< of the items: did recorded steps again because the chain changed
  std::uint64_t migrated = 0;        ///< of the items: went on with a result that `.migrate` made of an older one
  std::uint64_t held = 0;            ///< of the failed: stopped because going on would repeat recorded effects
  std::uint64_t removed = 0;         ///< done items that `.retain` let go when the run was over, whoever had done them
  std::uint64_t left = 0;            ///< of the items of resume(): only a run over their source can take them up

  bool stopped = false;        ///< by engine::stop, a stop token or a signal, before the source was exhausted
  double seconds = 0;          ///< wall time of the run, until everything was durable
  std::uint64_t steps = 0;     ///< steps completed in this run, by this process
  std::uint64_t commits = 0;   ///< of the backend, in this run
  std::uint64_t bytes = 0;     ///< of checkpoints, in this run

  std::vector<step_report> step_reports;
  std::vector<std::string> changes;         ///< what differs from the chains under which the items were recorded
  std::vector<report_entry> first_failures; ///< at most 20, of which at most 3 held ones
  std::vector<report_entry> first_skips;    ///< at most 20
  std::vector<report_entry> first_left;     ///< at most 20
  std::vector<report> children;             ///< of each pawl::each and each branch of a pawl::parallel: its items in this run

  [[nodiscard]] double items_per_second() const noexcept { return seconds > 0 ? static_cast<double>(items) / seconds : 0; }
  [[nodiscard]] double steps_per_second() const noexcept { return seconds > 0 ? static_cast<double>(steps) / seconds : 0; }
};

/// Several lines for people.
std::ostream& operator<<(std::ostream& out, const report& what);
/// The same, as text.
[[nodiscard]] std::string to_string(const report& what);
/// One JSON object with the fields named as above.
[[nodiscard]] std::string to_json(const report& what);

}  // namespace pawl
