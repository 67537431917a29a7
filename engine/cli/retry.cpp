// pawl retry: makes failed items unfinished again.
#include "cli/changing.hpp"
#include "cli/command.hpp"
#include "cli/keys.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"

#include <CLI/CLI.hpp>

#include <memory>

namespace pawl::cli {
namespace {

struct arguments {
  std::string state;
  std::string workflow;
  std::vector<std::string> keys;
  bool sticky = false;
};

std::vector<std::string> wanted_workflows(const state_view& state, const arguments& given) {
  if (!given.workflow.empty()) return {given.workflow};
  std::vector<std::string> names;
  for (const workflow_view& one : state.workflows()) names.push_back(one.name);
  if (!given.keys.empty() && names.size() > 1)
    throw usage_error("there are several workflows; say behind STATE in which of them the item of --key is");
  return names;
}

int retry(const arguments& given) {
  std::vector<std::string> workflows;
  reopen_options options;
  {
    const state_view state(given.state);
    workflows = wanted_workflows(state, given);
    if (!workflows.empty()) options.keys = keys_in(state, workflows.front(), given.keys);
  }
  options.sticky = given.sticky;
  options.on_left = complain_of_left;
  engine owner = own_state(given.state);
  output out;
  bool left = false;
  for (const std::string& workflow : workflows) {
    const amend_report made = owner.retry(workflow, options);
    out << amended_text(made, "to be tried again", "sticky, which --sticky or --key opens");
    left = left || made.left != 0;
  }
  if (workflows.empty()) out << "No workflow has run in this state yet.\n";
  out.finish();
  return left ? exit_error : exit_ok;
}

}  // namespace

void add_retry(CLI::App& tool, std::function<int()>& chosen) {
  const auto given = std::make_shared<arguments>();
  CLI::App* const command = tool.add_subcommand("retry", "Make failed items unfinished again");
  add_state_directory(*command, given->state);
  command->add_option("WORKFLOW", given->workflow, "Only this one's")->type_name("");
  add_key_option(*command, given->keys, "Only this item, sticky or not");
  command->add_flag("--sticky", given->sticky, "Also items whose failure is sticky");
  command->footer(
      "Example:\n  pawl retry crawl.pawl crawl --key https://example.org/\n\n"
      "They go on at the step where they failed, with attempts counted anew, when the program runs the\n"
      "workflow next. Refused while a program has the state open. An item that is named and has not failed is\n"
      "left as it is, and the exit code is 1. KEY is taken as text or else as an integer.");
  command->callback([given, &chosen] { chosen = [given] { return retry(*given); }; });
}

}  // namespace pawl::cli
