// pawl status: how far every workflow is, from counters.
#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/text.hpp"
#include "tell/units.hpp"

#include <CLI/CLI.hpp>

#include <memory>

namespace pawl::cli {
namespace {

struct arguments {
  std::string state;
  bool json = false;
};

constexpr item_state all_states[] = {item_state::pending, item_state::in_progress, item_state::done, item_state::failed,
                                     item_state::skipped};

std::string as_table(const std::vector<workflow_view>& workflows) {
  using enum table::side;
  table counts({{"WORKFLOW", left},
                {"ITEMS", right},
                {"PENDING", right},
                {"IN_PROGRESS", right},
                {"DONE", right},
                {"FAILED", right},
                {"SKIPPED", right}});
  for (const workflow_view& one : workflows) {
    std::vector<std::string> cells{escaped(one.name), core::grouped(one.items())};
    for (const item_state state : all_states) cells.push_back(core::grouped(one.count(state)));
    counts.add(std::move(cells));
  }
  return counts.to_string();
}

std::string steps_as_table(const workflow_view& workflow) {
  using enum table::side;
  table steps({{"STEP", left}, {"COMPLETED", right}});
  for (const workflow_view::step& step : workflow.steps) steps.add({escaped(step.name), core::grouped(step.completed)});
  return "\n" + escaped(workflow.name) + "\n" + steps.to_string("  ");
}

int status(const arguments& given) {
  const state_view state(given.state);
  const std::vector<workflow_view> workflows = state.workflows();
  output out;
  if (given.json) {
    out << json_object()
               .raw("workflows", json_array(workflows, json_workflow))
               .text("durability", name_of(state.durability()))
               .raw("warnings", json_array(state.warnings(), json_string))
               .end()
        << "\n";
  } else {
    if (workflows.empty())
      out << "No workflow has run in this state yet.\n";
    else
      out << as_table(workflows);
    for (const workflow_view& one : workflows) out << steps_as_table(one);
    out << "\nDurability: " << name_of(state.durability()) << "\n";
    for (const std::string& warning : state.warnings()) out << "\nNote: " << harmless(warning) << "\n";
  }
  out.finish();
  return exit_ok;
}

}  // namespace

void add_status(CLI::App& tool, std::function<int()>& chosen) {
  const auto given = std::make_shared<arguments>();
  CLI::App* const command = tool.add_subcommand("status", "Count items by state and step; takes no longer for many");
  add_state_directory(*command, given->state);
  add_json_flag(*command, given->json);
  command->footer(
      "Example:\n  pawl status crawl.pawl\n\n"
      "JSON:\n"
      "  {\"workflows\":[{\"name\":\"crawl\",\"pending\":0,\"in_progress\":2,\"done\":98,\"failed\":0,\"skipped\":0,\n"
      "    \"steps\":[{\"name\":\"read\",\"completed\":100,...}]}],\"durability\":\"power\",\n"
      "   \"warnings\":[]}");
  command->callback([given, &chosen] { chosen = [given] { return status(*given); }; });
}

}  // namespace pawl::cli
