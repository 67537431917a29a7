// pawl skip: gives an item up, with a reason.
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
  std::string key;
  std::string reason;
};

int skip(const arguments& given) {
  const any_key key = keys_in(state_view(given.state), given.workflow, {given.key}).front();
  engine owner = own_state(given.state);
  owner.skip(given.workflow, key, given.reason);
  output out;
  out << escaped(given.workflow) << ": " << key_text(key) << " is skipped\n";
  out.finish();
  return exit_ok;
}

}  // namespace

void add_skip(CLI::App& tool, std::function<int()>& chosen) {
  const auto given = std::make_shared<arguments>();
  CLI::App* const command = tool.add_subcommand("skip", "Give an item up, with a reason");
  add_state_directory(*command, given->state);
  command->add_option("WORKFLOW", given->workflow, "Whose item")->required()->type_name("");
  command->add_option("KEY", given->key, "The item's key: taken as text or else as an integer")
      ->required()
      ->type_name("");
  command->add_option("--reason", given->reason, "Why: it is stored with the item")->required()->type_name("TEXT");
  command->footer(
      "Example:\n  pawl skip crawl.pawl crawl https://example.org/ --reason \"gone for good\"\n\n"
      "Only unfinished and failed items can be skipped; a done or skipped one is refused. Later runs leave it\n"
      "skipped. Refused while a program has the state open.");
  command->callback([given, &chosen] { chosen = [given] { return skip(*given); }; });
}

}  // namespace pawl::cli
