#include "cli/options.hpp"

#include <CLI/CLI.hpp>

#include <cstdlib>
#include <map>

namespace pawl::cli {

void add_state_directory(CLI::App& command, std::string& path) {
  command.add_option("STATE", path, "The state directory")->required()->type_name("");
}

void add_workflow_option(CLI::App& command, std::string& workflow) {
  command.add_option("-w,--workflow", workflow, "Only this workflow")->type_name("NAME");
}

void add_item_state_option(CLI::App& command, std::optional<item_state>& state) {
  static const std::map<std::string, item_state> states = {{"pending", item_state::pending},
                                                           {"in_progress", item_state::in_progress},
                                                           {"done", item_state::done},
                                                           {"failed", item_state::failed},
                                                           {"skipped", item_state::skipped}};
  command
      .add_option_function<std::string>(
          "-s,--state", [&state](const std::string& name) { state = states.at(name); },
          "Only items in this state: pending, in_progress, done, failed or skipped")
      ->check(CLI::IsMember(states))
      ->type_name("STATE");
}

void add_key_option(CLI::App& command, std::vector<std::string>& keys, const std::string& which) {
  command.add_option("--key", keys, which + "; may be given several times")
      ->allow_extra_args(false)  // each takes one: what follows is STATE or WORKFLOW
      ->type_name("KEY");
}

void add_no_values_flag(CLI::App& command, bool& hide, const std::string& hidden) {
  const char* const always = std::getenv("PAWL_NO_VALUES");
  hide = always != nullptr && *always != '\0';
  command.add_flag("--no-values", hide, "Leave out " + hidden + " (PAWL_NO_VALUES=1: always)");
}

void add_json_flag(CLI::App& command, bool& json) { command.add_flag("--json", json, "Print JSON, for programs"); }

}  // namespace pawl::cli
