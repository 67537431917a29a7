// pawl ls: items, a page at a time.
#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/pages.hpp"
#include "cli/text.hpp"

#include <CLI/CLI.hpp>

#include <memory>

namespace pawl::cli {
namespace {

constexpr std::size_t error_shown_max = 160;

struct arguments {
  std::string state;
  item_query query;
  std::int64_t limit = 100;
  bool json = false;
  bool no_values = false;
};

std::string as_table(const item_page& page, bool with_workflow, bool colours) {
  std::vector<table::column> columns{{"STATE"}, {"STEP"}, {"KEY"}, {"ERROR"}};
  if (with_workflow) columns.insert(columns.begin(), {"WORKFLOW"});
  table items(std::move(columns));
  for (const item_view& one : page.items) {
    std::vector<std::string> cells{state_text(one.state, colours), escaped(one.at_step()), key_text(one.key),
                                   shortened(escaped(one.error), error_shown_max)};
    if (with_workflow) cells.insert(cells.begin(), escaped(one.workflow));
    items.add(std::move(cells));
  }
  return items.empty() ? std::string() : items.to_string();
}

int list_as_table(const state_view& state, const arguments& given) {
  output out;
  bool damaged = false;
  std::size_t count = 0;
  const bool with_workflow = given.query.workflow.empty() && state.workflows().size() > 1;
  const std::string next =
      for_each_page(state, given.query, static_cast<std::size_t>(given.limit), given.no_values, damaged, [&](const item_page& page) {
        count += page.items.size();
        out << as_table(page, with_workflow, out.colours());
      });
  if (count == 0) out << "No items.\n";
  if (!next.empty()) out << "There are more: --after " << next << "\n";
  out.finish();
  return damaged ? exit_damaged : exit_ok;
}

int list_as_json(const state_view& state, const arguments& given) {
  output out;
  bool damaged = false;
  bool first = true;
  std::vector<damaged_item> damaged_items;
  out << "{\"items\":[";
  const std::string next =
      for_each_page(state, given.query, static_cast<std::size_t>(given.limit), given.no_values, damaged, [&](const item_page& page) {
        for (const item_view& one : page.items)
          out << (std::exchange(first, false) ? "" : ",") << json_item_head(one).end();
        damaged_items.insert(damaged_items.end(), page.damaged.begin(), page.damaged.end());
      });
  out << "],\"damaged\":" << json_array(damaged_items, json_damaged);
  out << ",\"next\":" << (next.empty() ? "null" : json_string(next)) << "}\n";
  out.finish();
  return damaged ? exit_damaged : exit_ok;
}

}  // namespace

void add_ls(CLI::App& tool, std::function<int()>& chosen) {
  const auto given = std::make_shared<arguments>();
  CLI::App* const command = tool.add_subcommand("ls", "List items, page by page");
  add_state_directory(*command, given->state);
  add_workflow_option(*command, given->query.workflow);
  add_item_state_option(*command, given->query.state);
  command->add_option("-p,--prefix", given->query.key_prefix, "Only items whose key begins so")->type_name("TEXT");
  command->add_option("-n,--limit", given->limit, "At most so many; 0: all (default 100)")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  command->add_option("--after", given->query.after, "Go on where the last page ended: what it said behind --after")
      ->type_name("PLACE");
  add_json_flag(*command, given->json);
  add_no_values_flag(*command, given->no_values, "errors, which may quote values");
  command->footer(
      "Example:\n  pawl ls crawl.pawl --state failed --limit 20\n\n"
      "Control characters are shown as \\n, \\t, \\xNN, a backslash as two; a text key that reads like an\n"
      "integer stands in quotes. A damaged item is named on standard error, the others are listed, and the\n"
      "exit code is 4.\n\n"
      "JSON:\n  {\"items\":[{\"workflow\":...,\"key\":...,\"state\":...,...}],\"damaged\":[],\"next\":\"1.20\"}\n"
      "  next is for --after; null behind the last page.");
  command->callback([given, &chosen] {
    chosen = [given] {
      const state_view state(given->state);
      return given->json ? list_as_json(state, *given) : list_as_table(state, *given);
    };
  });
}

}  // namespace pawl::cli
