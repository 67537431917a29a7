// pawl prune: removes done items by age and count.
#include "cli/changing.hpp"
#include "cli/command.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/text.hpp"
#include "tell/units.hpp"

#include <pawl/inspect.hpp>

#include <CLI/CLI.hpp>

#include <charconv>
#include <memory>

namespace pawl::cli {
namespace {

struct arguments {
  std::string state;
  std::string workflow;
  std::string done_for;
  std::optional<std::uint64_t> done_at_most;
  bool dry_run = false;
};

// "30d", "1.5h", "90s".
seconds duration_in(const std::string& text) {
  double number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  static constexpr std::pair<std::string_view, double> units[] = {
      {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"w", 7 * 86400}};
  for (const auto& [name, length] : units)
    if (failure == std::errc{} && unit == name) return seconds(number * length);
  throw usage_error("--done-for '" + escaped(text) + "' is no duration; write a number and s, m, h, d or w: 30d");
}

std::string pruned_text(const prune_report& made, const arguments& given) {
  std::string text = escaped(made.workflow) + ": " + core::grouped(made.removed) + " of " + core::grouped(made.done) +
                     " done items " + (given.dry_run ? "would be removed" : "removed");
  if (made.by_age != 0 && made.by_count != 0)
    text += ", " + core::grouped(made.by_age) + " by age and " + core::grouped(made.by_count) + " by count";
  if (made.doubted != 0)
    text += "; " + core::grouped(made.doubted) + " that the clock says are older than " + escaped(given.done_for) +
            " are kept, for no time recorded in the state says so";
  return text + "\n";
}

int prune(const arguments& given) {
  if (given.done_for.empty() && !given.done_at_most)
    throw usage_error("say which done items may go: --done-for 30d, --done-at-most 1000000, or both");
  retain_options limits;
  if (!given.done_for.empty()) limits.done_for = duration_in(given.done_for);
  limits.done_at_most = given.done_at_most;
  engine owner = own_state(given.state);
  const prune_report made = owner.prune(given.workflow, limits, given.dry_run);
  output out;
  out << pruned_text(made, given);
  out.finish();
  return exit_ok;
}

}  // namespace

void add_prune(CLI::App& tool, std::function<int()>& chosen) {
  const auto given = std::make_shared<arguments>();
  CLI::App* const command = tool.add_subcommand("prune", "Remove done items by age and count, for good");
  add_state_directory(*command, given->state);
  command->add_option("WORKFLOW", given->workflow, "Whose items")->required()->type_name("");
  command->add_option("--done-for", given->done_for, "Those that ended longer ago than that: 90s, 15m, 12h, 30d, 4w")
      ->type_name("AGE");
  command->add_option("--done-at-most", given->done_at_most, "Of what is left, all but the N that ended last")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  command->add_flag("--dry-run", given->dry_run, "Only say what would be removed");
  command->footer(
      "Example:\n  pawl prune crawl.pawl crawl --done-for 30d --done-at-most 1000000\n\n"
      "A removed item is forgotten, its results with it: if the source of a later run gives its key again, it\n"
      "is done again. Failed, skipped and unfinished items stay. Ages are measured to the newest time that is\n"
      "recorded of the workflow, or to now where that is earlier: a clock that is ahead removes nothing. The\n"
      "file does not shrink; its room is used again. Refused while a program has the state open.");
  command->callback([given, &chosen] { chosen = [given] { return prune(*given); }; });
}

}  // namespace pawl::cli
