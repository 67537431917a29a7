// pawl backup: a copy of a state that is a state.
#include "cli/command.hpp"
#include "cli/maintain.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "tell/units.hpp"

#include <CLI/CLI.hpp>

#include <memory>

namespace pawl::cli {
namespace {

struct arguments {
  std::string state;
  std::string target;
};

int make_backup(const arguments& given) {
  const backup_report made = backup(given.state, given.target, progress_line());
  output out;
  out << core::grouped(made.items) + " items copied and verified, with " + core::grouped(made.files) + " files and " +
             core::grouped(made.checkpoints) + " checkpoints of loops.\n";
  if (made.checkpoints_missed != 0)
    out << core::grouped(made.checkpoints_missed) + " checkpoints of loops were being written, or are damaged, and are not in it: a loop whose "
                                                    "two checkpoints are so begins again from its input there.\n";
  out.finish();
  return exit_ok;
}

}  // namespace

void add_backup(CLI::App& tool, std::function<int()>& chosen) {
  const auto given = std::make_shared<arguments>();
  CLI::App* const command = tool.add_subcommand("backup", "Copy a state as it is at one moment, also while a program works on it");
  add_state_directory(*command, given->state);
  command->add_option("TARGET", given->target, "Where to: must not exist")->required()->type_name("");
  command->footer(
      "Example:\n  pawl backup crawl.pawl /backups/crawl-monday.pawl\n\n"
      "The copy is a state like any other, verified before it gets its name. What was done at that moment is done in\n"
      "it. Its steps have other idempotency keys than the original's: go on with the one or with the other.");
  command->callback([given, &chosen] { chosen = [given] { return make_backup(*given); }; });
}

}  // namespace pawl::cli
