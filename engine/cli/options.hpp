// What several commands take from the command line, said once.
#pragma once

#include <pawl/report.hpp>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace pawl::cli {

// Arguments that are well formed and cannot be carried out together: exit_usage.
struct usage_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void add_state_directory(CLI::App& command, std::string& path);
void add_workflow_option(CLI::App& command, std::string& workflow);
void add_item_state_option(CLI::App& command, std::optional<item_state>& state);
// --key KEY, as often as wanted. `which`: what it chooses.
void add_key_option(CLI::App& command, std::vector<std::string>& keys, const std::string& which);
void add_json_flag(CLI::App& command, bool& json);
// --no-values, which PAWL_NO_VALUES in the environment says for all commands. `hidden`: what is left out.
void add_no_values_flag(CLI::App& command, bool& hide, const std::string& hidden);

}  // namespace pawl::cli
