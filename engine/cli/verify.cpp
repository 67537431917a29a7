// pawl verify: reads everything that is stored, against its checksums and against each other.
#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/maintain.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/text.hpp"
#include "tell/units.hpp"

#include <pawl/error.hpp>
#include <pawl/maintain.hpp>

#include <CLI/CLI.hpp>

#include <memory>

namespace pawl::cli {
namespace {

// Of this command: documented in its help.
enum verdict : int { verdict_whole = 0, verdict_damaged = 1, verdict_not_looked = 2 };

struct arguments {
  std::string state;
  bool json = false;
  bool repair = false;
};

std::string as_json(const verify_report& made) {
  const auto one = [](const verify_finding& found) {
    return json_object()
        .text("part", found.part)
        .text_or_null("workflow", found.workflow)
        .text_or_null("key", found.key)
        .text_or_null("step", found.step)
        .text("sentence", found.sentence)
        .text("advice", found.advice)
        .truth("derived", found.derived)
        .end();
  };
  return json_object()
      .truth("whole", made.whole())
      .number("found", made.found)
      .truth("repaired", made.repaired)
      .number("pages", made.pages)
      .number("items", made.items)
      .number("values", made.values)
      .number("files", made.files)
      .number("table_entries", made.table_entries)
      .number("journaled", made.journaled)
      .number("checkpoints", made.checkpoints)
      .raw("findings", json_array(made.findings, one))
      .raw("notes", json_array(made.notes, json_string))
      .end();
}

std::string as_text(const verify_report& made) {
  std::string text;
  for (const verify_finding& found : made.findings)
    text += found.part + ": " + harmless(found.sentence) + "; " + harmless(found.advice) + "\n";
  if (made.found > made.findings.size())
    text += "... and " + core::grouped(made.found - made.findings.size()) + " more\n";
  for (const std::string& note : made.notes) text += "Note: " + harmless(note) + "\n";
  text += "Looked at " + core::grouped(made.pages) + " pages, " + core::grouped(made.items) + " items, " +
          core::grouped(made.values) + " values outside of their rows (" + core::grouped(made.files) + " in files), " +
          core::grouped(made.table_entries) + " entries of tables, " + core::grouped(made.checkpoints) +
          " checkpoints of loops; the journal has news of " + core::grouped(made.journaled) + " items.\n";
  if (made.repaired) text += "What is derived was made anew.\n";
  text += made.whole() ? "Nothing is wrong.\n" : core::grouped(made.found) + (made.found == 1 ? " thing is wrong.\n" : " things are wrong.\n");
  return text;
}

int look(const arguments& given) {
  verify_options options;
  options.repair = given.repair;
  options.progress = progress_line();
  try {
    const verify_report made = verify(given.state, options);
    output out;
    out << (given.json ? as_json(made) + "\n" : as_text(made));
    out.finish();
    return made.whole() ? verdict_whole : verdict_damaged;
  } catch (const error& failure) {
    complain(failure.what());
    return verdict_not_looked;
  }
}

}  // namespace

void add_verify(CLI::App& tool, std::function<int()>& chosen) {
  const auto given = std::make_shared<arguments>();
  CLI::App* const command = tool.add_subcommand("verify", "Read everything that is stored, and say what is wrong");
  add_state_directory(*command, given->state);
  add_json_flag(*command, given->json);
  command->add_flag("--repair", given->repair, "Make index, lists, names of files and counters anew where they are wrong");
  command->footer(
      "Example:\n  pawl verify crawl.pawl\n\n"
      "Reads every page, row, index entry, counter, value, file, entry of a table, checkpoint of a loop and frame of\n"
      "the journal, some million items a second, beside a program that works on the state or not. It changes\n"
      "nothing without --repair, which is refused while a program has the state open and needs room for a second\n"
      "data.mdb. Exit codes of this command: 0 nothing is wrong, 1 something is, 2 it could not look.\n\n"
      "JSON:\n"
      "  {\"whole\":false,\"found\":1,\"repaired\":false,\"pages\":..,\"items\":..,...,\n"
      "   \"findings\":[{\"part\":\"values\",\"workflow\":\"crawl\",\"key\":\"a\",\"step\":\"read\",\"sentence\":\"..\",\"advice\":\"..\",\n"
      "     \"derived\":false}],\"notes\":[]}");
  command->callback([given, &chosen] { chosen = [given] { return look(*given); }; });
}

}  // namespace pawl::cli
