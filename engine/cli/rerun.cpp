// pawl rerun: sets items back, so that they go on at a step once more.
#include "cli/changing.hpp"
#include "cli/command.hpp"
#include "cli/keys.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/text.hpp"

#include <CLI/CLI.hpp>

#include <memory>

namespace pawl::cli {
namespace {

struct arguments {
  std::string state;
  std::string workflow;
  std::string from;
  std::vector<std::string> keys;
  std::optional<item_state> only;
  bool dry_run = false;
};

int rerun(const arguments& given) {
  rerun_options options;
  options.keys = keys_in(state_view(given.state), given.workflow, given.keys);
  options.state = given.only;
  options.dry_run = given.dry_run;
  options.on_left = complain_of_left;
  engine owner = own_state(given.state);
  const amend_report made = owner.rerun(given.workflow, given.from, options);
  output out;
  out << amended_text(made, (given.dry_run ? "would be set back to step '" : "set back to step '") + escaped(given.from) + "'",
                      "not behind it");
  out.finish();
  return made.left == 0 ? exit_ok : exit_error;
}

}  // namespace

void add_rerun(CLI::App& tool, std::function<int()>& chosen) {
  const auto given = std::make_shared<arguments>();
  CLI::App* const command = tool.add_subcommand("rerun", "Set items back, so that they go on at a step once more");
  add_state_directory(*command, given->state);
  command->add_option("WORKFLOW", given->workflow, "Whose items")->required()->type_name("");
  command->add_option("--from", given->from, "The step at which they go on")->required()->type_name("STEP");
  add_item_state_option(*command, given->only);
  add_key_option(*command, given->keys, "Only this item");
  command->add_flag("--dry-run", given->dry_run, "Only say what would be changed");
  command->footer(
      "Example:\n  pawl rerun crawl.pawl crawl --from transform --state done\n\n"
      "The steps before it are not done again: their kept results are used. An item of which the value that\n"
      "the step takes is not stored is named on standard error and left as it is; the exit code is then 1.\n"
      "The program that runs the workflow next does the work, with new idempotency keys. Refused while a\n"
      "program has the state open. KEY is taken as text or else as an integer.");
  command->callback([given, &chosen] { chosen = [given] { return rerun(*given); }; });
}

}  // namespace pawl::cli
