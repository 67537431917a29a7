// The report as text and as JSON.
#include "tell/units.hpp"

#include <pawl/report.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

namespace pawl {
namespace {

using core::duration_text;
using core::grouped;
using core::json_string;

void add_steps(std::string& text, const report& what) {
  std::size_t width = 4;
  for (const step_report& step : what.step_reports) width = std::max(width, step.name.size());
  text += fmt::format("\n  {:<{}}  {:>12} {:>10} {:>10} {:>10}  {:>9} {:>9} {:>9} {:>9}", "step", width, "calls",
                      "failures", "retries", "skips", "total", "median", "p99", "max");
  for (const step_report& step : what.step_reports)
    text += fmt::format("\n  {:<{}}  {:>12} {:>10} {:>10} {:>10}  {:>9} {:>9} {:>9} {:>9}", step.name, width,
                        grouped(step.calls), grouped(step.failures), grouped(step.retries), grouped(step.skips),
                        duration_text(step.total_s), duration_text(step.median_s), duration_text(step.p99_s),
                        duration_text(step.max_s));
}

void add_loops(std::string& text, const report& what) {
  for (const step_report& step : what.step_reports) {
    if (!step.loop || step.loop->rounds == 0) continue;
    const loop_report& loop = *step.loop;
    text += fmt::format("\n  {}: {} rounds in {}, {} checkpoints of {} in {} ({:.2f} %)", step.name, grouped(loop.rounds),
                        duration_text(loop.rounds_s), grouped(loop.checkpoints),
                        core::bytes_text(loop.checkpoints != 0 ? loop.bytes / loop.checkpoints : 0),
                        duration_text(loop.checkpoints_s), 100 * loop.measured_overhead);
    if (loop.interval_s > 0)
      text += fmt::format("; one costs {}, chosen is one every {}: {:.2f} % predicted", duration_text(loop.checkpoint_s),
                          duration_text(loop.interval_s), 100 * loop.predicted_overhead);
    if (loop.predicted_loss > 0) text += fmt::format(", {:.2f} % with failures", 100 * loop.predicted_loss);
    if (loop.resumed != 0)
      text += fmt::format("\n  {}: {} went on from a checkpoint, which saved {} rounds", step.name, grouped(loop.resumed),
                          grouped(loop.rounds_saved));
    if (loop.started_over != 0)
      text += fmt::format("\n  {}: {} started over from their input, as no checkpoint of them could be read", step.name,
                          grouped(loop.started_over));
  }
}

std::string loop_json(const loop_report& loop) {
  return fmt::format(
      R"(,"loop":{{"rounds":{},"checkpoints":{},"bytes":{},"resumed":{},"rounds_saved":{},"started_over":{},"rounds_s":{},)"
      R"("checkpoints_s":{},"checkpoint_s":{},"interval_s":{},"predicted_overhead":{},"predicted_loss":{},)"
      R"("measured_overhead":{}}})",
      loop.rounds, loop.checkpoints, loop.bytes, loop.resumed, loop.rounds_saved, loop.started_over, loop.rounds_s,
      loop.checkpoints_s, loop.checkpoint_s, loop.interval_s, loop.predicted_overhead, loop.predicted_loss,
      loop.measured_overhead);
}

void add_entries(std::string& text, std::string_view title, const std::vector<report_entry>& entries,
                 std::uint64_t total) {
  if (entries.empty()) return;
  text += fmt::format("\n  {}:", title);
  for (const report_entry& entry : entries)
    text += fmt::format("\n    {} in step {}: {}", entry.key, entry.step, entry.reason);
  if (total > entries.size()) text += fmt::format("\n    ... and {} more", grouped(total - entries.size()));
}

std::string entries_json(const std::vector<report_entry>& entries) {
  std::string json = "[";
  for (const report_entry& entry : entries)
    json += fmt::format(R"({}{{"key":{},"step":{},"reason":{}}})", json.size() > 1 ? "," : "", json_string(entry.key),
                        json_string(entry.step), json_string(entry.reason));
  return json += ']';
}

}  // namespace

std::string to_string(const report& what) {
  std::string text = fmt::format("{}: {} items: {} done, {} failed, {} skipped", what.workflow, grouped(what.items),
                                 grouped(what.done), grouped(what.failed), grouped(what.skipped));
  if (what.pending + what.in_progress != 0 || what.stopped)
    text += fmt::format(", {} in progress, {} pending{}", grouped(what.in_progress), grouped(what.pending),
                        what.stopped ? " (stopped)" : "");
  text += fmt::format(" in {}", duration_text(what.seconds));
  if (what.settled_before != 0) text += fmt::format("\n  {} had ended before, or were ended by others", grouped(what.settled_before));
  if (what.taken_over != 0)
    text += fmt::format("\n  {} that other processes had left behind were brought to their end", grouped(what.taken_over));
  if (what.resumed != 0)
    text += fmt::format("\n  {} went on inside themselves, which saved {} steps", grouped(what.resumed),
                        grouped(what.steps_saved));
  if (what.duplicates != 0) text += fmt::format("\n  {} further occurrences of a key were passed over", grouped(what.duplicates));
  if (what.vanished != 0)
    text += fmt::format("\n  {} more are recorded and were not given any more", grouped(what.vanished));
  if (what.changed_inputs != 0) text += fmt::format("\n  {} had another input than before", grouped(what.changed_inputs));
  for (const std::string& change : what.changes) text += "\n  the chain changed: " + change;
  if (what.migrated != 0)
    text += fmt::format("\n  {} went on with a migrated result of an older version", grouped(what.migrated));
  if (what.redone != 0) text += fmt::format("\n  {} did recorded steps again because the chain changed", grouped(what.redone));
  if (what.held != 0) text += fmt::format("\n  {} were held because the chain changed", grouped(what.held));
  if (what.removed != 0)
    text += fmt::format("\n  {} done items were removed from the state, as .retain says", grouped(what.removed));
  if (what.left != 0)
    text += fmt::format("\n  {} were left as they are: only a run over their source can take them up", grouped(what.left));
  if (what.steps != 0)
    text += fmt::format("\n  {} steps, {} a second; {} items a second; {} commits, {} of checkpoints", grouped(what.steps),
                        grouped(static_cast<std::uint64_t>(what.steps_per_second())),
                        grouped(static_cast<std::uint64_t>(what.items_per_second())), grouped(what.commits),
                        core::bytes_text(what.bytes));
  if (std::any_of(what.step_reports.begin(), what.step_reports.end(), [](const auto& step) { return step.calls != 0; }))
    add_steps(text, what);
  add_loops(text, what);
  add_entries(text, "failed", what.first_failures, what.failed);
  add_entries(text, "skipped", what.first_skips, what.skipped);
  add_entries(text, "left", what.first_left, what.left);
  for (const report& one : what.children) {
    text += "\n  ";
    for (const char c : to_string(one)) text += c == '\n' ? "\n  " : std::string(1, c);
  }
  return text;
}

std::ostream& operator<<(std::ostream& out, const report& what) { return out << to_string(what); }

std::string to_json(const report& what) {
  std::string steps = "[";
  for (const step_report& step : what.step_reports)
    steps += fmt::format(
        R"({}{{"name":{},"calls":{},"completed":{},"failures":{},"retries":{},"skips":{},"total_s":{},"median_s":{},"p99_s":{},"max_s":{}{}}})",
        steps.size() > 1 ? "," : "", json_string(step.name), step.calls, step.completed, step.failures, step.retries,
        step.skips, step.total_s, step.median_s, step.p99_s, step.max_s, step.loop ? loop_json(*step.loop) : std::string());
  steps += ']';
  std::string changes = "[";
  for (const std::string& change : what.changes) changes += (changes.size() > 1 ? "," : "") + json_string(change);
  changes += ']';
  std::string children = "[";
  for (const report& one : what.children) children += (children.size() > 1 ? "," : "") + to_json(one);
  children += ']';
  return fmt::format(
      R"({{"workflow":{},"items":{},"done":{},"failed":{},"skipped":{},"pending":{},"in_progress":{},)"
      R"("settled_before":{},"taken_over":{},"vanished":{},"duplicates":{},"resumed":{},"steps_saved":{},"changed_inputs":{},"redone":{},"migrated":{},)"
      R"("held":{},"removed":{},"left":{},"stopped":{},"seconds":{},"steps":{},"items_per_second":{},"steps_per_second":{},"commits":{},"bytes":{},)"
      R"("step_reports":{},"changes":{},"first_failures":{},"first_skips":{},"first_left":{},"children":{}}})",
      json_string(what.workflow), what.items, what.done, what.failed, what.skipped, what.pending, what.in_progress,
      what.settled_before, what.taken_over, what.vanished, what.duplicates, what.resumed, what.steps_saved, what.changed_inputs, what.redone, what.migrated,
      what.held, what.removed, what.left, what.stopped, what.seconds, what.steps, what.items_per_second(), what.steps_per_second(), what.commits,
      what.bytes, steps, changes, entries_json(what.first_failures), entries_json(what.first_skips),
      entries_json(what.first_left), children);
}

}  // namespace pawl
