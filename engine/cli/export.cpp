// pawl export: items with their inputs and results, for other programs.
#include "cli/command.hpp"
#include "cli/csv.hpp"
#include "cli/json.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/pages.hpp"
#include "cli/text.hpp"

#include <CLI/CLI.hpp>

#include <memory>

namespace pawl::cli {
namespace {

struct arguments {
  std::string state;
  item_query query;
  bool csv = false;
  bool json = false;
  bool json_lines = false;
  bool no_values = false;
  std::string file;
};

constexpr const char* csv_header =
    "workflow,key,key_type,id,state,step,steps_completed,failed_attempts,generation,updated,error,input,result\r\n";

std::string csv_value(const std::optional<value_view>& value) {
  if (!value) return {};
  return csv_cell(value->problem.empty() ? harmless_json(value->json) : "(not exported: " + value->problem + ")");
}

std::string csv_row(const item_view& item) {
  std::string row;
  for (const std::string& cell :
       {csv_cell(item.workflow), csv_cell(item.key.to_string()), std::string(item.key.is_text() ? "text" : "integer"),
        std::to_string(item.id), std::string(name_of(item.state)), csv_cell(item.at_step()),
        std::to_string(item.steps_completed), std::to_string(item.failed_attempts), std::to_string(item.generation),
        time_text(item.updated), csv_cell(item.error), csv_value(item.input), csv_value(item.result)})
    row.append(row.empty() ? "" : ",").append(cell);
  return row += "\r\n";
}

void write_items(const arguments& given, const state_view& state, output& out, bool& damaged) {
  bool first = true;
  if (given.csv) out << csv_header;
  if (given.json) out << "[";
  for_each_page(state, given.query, no_limit, given.no_values, damaged, [&](const item_page& page) {
    for (const item_view& one : page.items) {
      if (given.json) out << (std::exchange(first, false) ? "\n" : ",\n");
      out << (given.csv ? csv_row(one) : json_item_row(one));
      if (given.json_lines) out << "\n";
    }
  });
  if (given.json) out << "\n]\n";
}

int export_items(const arguments& given) {
  if (given.csv + given.json + given.json_lines != 1)
    throw usage_error("export needs one of --csv, --json and --jsonl");
  const state_view state(given.state);
  std::unique_ptr<output> out = given.file.empty() ? std::make_unique<output>() : std::make_unique<output>(given.file);
  bool damaged = false;
  write_items(given, state, *out, damaged);
  out->finish();
  return damaged ? exit_damaged : exit_ok;
}

}  // namespace

void add_export(CLI::App& tool, std::function<int()>& chosen) {
  const auto given = std::make_shared<arguments>();
  given->query.values = true;
  CLI::App* const command = tool.add_subcommand("export", "Write items with their results as CSV or JSON");
  add_state_directory(*command, given->state);
  command->add_flag("--csv", given->csv, "CSV by RFC 4180, with a header");
  command->add_flag("--json", given->json, "A JSON array, one item a line");
  command->add_flag("--jsonl", given->json_lines, "JSON Lines: one item a line and nothing around them");
  add_workflow_option(*command, given->query.workflow);
  add_item_state_option(*command, given->query.state);
  add_no_values_flag(*command, given->no_values, "inputs, results and errors");
  command->add_option("-o,--output", given->file, "Write this file; it appears when it is whole")->type_name("FILE");
  command->footer(
      "Examples:\n  pawl export crawl.pawl --csv -o crawl.csv\n  pawl export crawl.pawl --jsonl --state failed\n\n"
      "CSV: inputs and results are JSON in their cells. A cell that a spreadsheet would take for a formula,\n"
      "because behind any spaces it begins with = + - @ (or their full-width forms), tab, CR or LF, gets an\n"
      "apostrophe in front, unless all of it is a number such as -1.5e3. Control characters other than tab,\n"
      "CR and LF, and bytes that are not UTF-8, become \\xNN.\n"
      "A damaged item is named on standard error and left out, and the exit code is 4. Values of more than\n"
      "16 MiB are left out with the reason (JSON: input_problem, result_problem).");
  command->callback([given, &chosen] { chosen = [given] { return export_items(*given); }; });
}

}  // namespace pawl::cli
