// pawl describe: the chains that a state has recorded.
#include "cli/command.hpp"
#include "cli/json.hpp"
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
  bool json = false;
};

// The text prints names as they are.
description escaped_names(description what) {
  what.workflow = escaped(what.workflow);
  for (description::step& step : what.steps) {
    step.name = escaped(step.name);
    step.result = escaped(step.result);
  }
  what.input = escaped(what.input);
  return what;
}

int describe(const arguments& given) {
  const state_view state(given.state);
  const std::vector<description> chains = state.describe(given.workflow);
  output out;
  if (given.json) {
    out << "{\"chains\":" << json_array(chains, [](const description& one) { return harmless_json(to_json(one)); })
        << "}\n";
  } else {
    if (chains.empty()) out << "No workflow has run in this state yet.\n";
    for (const description& one : chains) out << to_string(escaped_names(one)) << "\n";
  }
  out.finish();
  return exit_ok;
}

}  // namespace

void add_describe(CLI::App& tool, std::function<int()>& chosen) {
  const auto given = std::make_shared<arguments>();
  CLI::App* const command =
      tool.add_subcommand("describe", "Show the chains that are recorded: steps, guarantees, versions, results");
  add_state_directory(*command, given->state);
  command->add_option("WORKFLOW", given->workflow, "Only this workflow")->type_name("");
  add_json_flag(*command, given->json);
  command->footer(
      "Example:\n  pawl describe crawl.pawl crawl\n\n"
      "All revisions of a chain, oldest first: a program that changed a step's name, kind, version or result\n"
      "has made another one. Options (retries, time-outs, limits, what is declared idempotent) are not recorded;\n"
      "workflow.describe() in the program tells them.\n\n"
      "JSON:\n  {\"chains\":[{\"workflow\":\"crawl\",\"revision\":0,\"key\":...,\"input\":\"string\",\n"
      "    \"options_known\":false,\"steps\":[{\"name\":\"read\",\"kind\":\"step\",\"guarantee\":...,\"version\":0,\n"
      "    \"result\":...,\"keep\":false}]}]}");
  command->callback([given, &chosen] { chosen = [given] { return describe(*given); }; });
}

}  // namespace pawl::cli
