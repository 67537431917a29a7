// pawl compact: gives room back to the disk.
#include "cli/command.hpp"
#include "cli/maintain.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "tell/units.hpp"

#include <CLI/CLI.hpp>

#include <memory>

namespace pawl::cli {
namespace {

int make_compact(const std::string& state) {
  const compact_report made = compact(state, progress_line());
  output out;
  out << "data.mdb takes " + core::grouped(made.bytes_after / 1024) + " KiB on the disk, and took " +
             core::grouped(made.bytes_before / 1024) + " KiB.\n";
  out.finish();
  return exit_ok;
}

}  // namespace

void add_compact(CLI::App& tool, std::function<int()>& chosen) {
  const auto state = std::make_shared<std::string>();
  CLI::App* const command = tool.add_subcommand("compact", "Give the room that data.mdb does not need back to the disk");
  add_state_directory(*command, *state);
  command->footer(
      "Example:\n  pawl compact crawl.pawl\n\n"
      "The file never shrinks by itself: after a prune, its room is used again. This copies what is in it into a new\n"
      "file, which then takes its place; a crash leaves the one or the other. Needs room for the copy. Refused while\n"
      "anybody has the state open, also to look at it.");
  command->callback([state, &chosen] { chosen = [state] { return make_compact(*state); }; });
}

}  // namespace pawl::cli
