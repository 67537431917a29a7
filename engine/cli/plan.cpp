// pawl plan: what the program's engine.plan(workflow) said a run would do.
#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/text.hpp"

#include <pawl/error.hpp>
#include <pawl/plan.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <memory>

namespace pawl::cli {
namespace {

struct arguments {
  std::string state;
  std::string workflow;
  bool json = false;
};

// Reads one line back. Texts are made harmless here, since the plan prints them as they are.
plan read_plan(const std::string& line) {
  const auto json = nlohmann::json::parse(line);
  const auto texts = [&](const char* name) {
    std::vector<std::string> all;
    for (const auto& one : json.at(name)) all.push_back(harmless(one.get<std::string>()));
    return all;
  };
  plan made;
  made.workflow = json.at("workflow").get<std::string>();
  made.made_at = harmless(json.at("made_at").get<std::string>());
  made.changes = texts("changes");
  made.start = json.at("start").get<std::uint64_t>();
  made.go_on = json.at("go_on").get<std::uint64_t>();
  made.redo_pure = json.at("redo_pure").get<std::uint64_t>();
  made.redo_effects = json.at("redo_effects").get<std::uint64_t>();
  made.held = json.at("held").get<std::uint64_t>();
  made.stay = json.at("stay").get<std::uint64_t>();
  made.done_again = texts("done_again");
  for (const auto& one : json.at("first_held"))
    made.first_held.push_back({harmless(one.at("key").get<std::string>()), harmless(one.at("step").get<std::string>()),
                               harmless(one.at("reason").get<std::string>())});
  return made;
}

std::vector<plan> wanted_plans(const state_view& state, const arguments& given) {
  std::vector<plan> wanted;
  try {
    for (const std::string& line : state.plans()) {
      plan one = read_plan(line);
      if (given.workflow.empty() || one.workflow == given.workflow) wanted.push_back(std::move(one));
    }
  } catch (const nlohmann::json::exception& failure) {
    throw error(errc::damaged, "plan: the plan in " + escaped(given.state) + " is damaged (" + failure.what() +
                                   "); remove its plan.json and let engine.plan(workflow) write it again");
  }
  return wanted;
}

int show_plans(const arguments& given) {
  const state_view state(given.state);
  std::vector<plan> plans = wanted_plans(state, given);
  if (plans.empty())
    throw error(errc::not_found, "plan: there is no plan" +
                                     (given.workflow.empty() ? "" : " of workflow '" + escaped(given.workflow) + "'") +
                                     " in " + escaped(given.state) +
                                     "; a program leaves one there when it calls engine.plan(workflow)");
  output out;
  if (given.json) {
    out << "{\"plans\":" << json_array(plans, [](const plan& one) { return harmless_json(to_json(one)); }) << "}\n";
  } else {
    for (plan& one : plans) {
      one.workflow = escaped(one.workflow);
      out << to_string(one) << "\n";
    }
  }
  out.finish();
  return exit_ok;
}

}  // namespace

void add_plan(CLI::App& tool, std::function<int()>& chosen) {
  const auto given = std::make_shared<arguments>();
  CLI::App* const command = tool.add_subcommand("plan", "Show what a run would do, as engine.plan() has left it");
  add_state_directory(*command, given->state);
  add_workflow_option(*command, given->workflow);
  add_json_flag(*command, given->json);
  command->footer(
      "Example:\n  pawl plan crawl.pawl --workflow crawl\n\n"
      "The verdict needs the program's chain, so it is the program that makes it: engine.plan(workflow).\n"
      "Exit code 3 where it has not.\n\n"
      "JSON:\n  {\"plans\":[{\"workflow\":\"crawl\",\"changes\":[],\"start\":0,\"go_on\":2,...}]}");
  command->callback([given, &chosen] { chosen = [given] { return show_plans(*given); }; });
}

}  // namespace pawl::cli
