// pawl table: the tables of a state, or the entries of one.
#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/text.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <memory>
#include <utility>

namespace pawl::cli {
namespace {

struct arguments {
  std::string state;
  std::string name;
  std::int64_t limit = 100;
  bool json = false;
  bool no_values = false;
};

// Calls `each` with every entry, `limit` in all (0: all of them); true where there are more.
template <class Each>
bool for_each_entry(const state_view& state, const arguments& given, Each&& each) {
  constexpr std::size_t page_size = 1000;
  std::size_t left = static_cast<std::size_t>(given.limit);
  std::optional<any_key> after;
  for (;;) {
    const table_page page = state.entries(given.name, after, given.limit == 0 ? page_size : std::min(left, page_size));
    for (const table_row& one : page.rows) each(one);
    after = page.next;
    left -= std::min(left, page.rows.size());
    if (!after || (given.limit != 0 && left == 0)) return after.has_value();
  }
}

int list_tables(const state_view& state, bool json) {
  output out;
  const std::vector<table_info> all = state.tables();
  if (json) {
    out << "{\"tables\":" << json_array(all, [](const table_info& one) {
      return json_object()
          .text("name", one.name)
          .number("entries", one.entries)
          .text("key", one.key_schema)
          .text("value", one.value_schema)
          .end();
    }) << "}\n";
  } else if (all.empty()) {
    out << "No tables.\n";
  } else {
    table lines({{"TABLE"}, {"ENTRIES", table::side::right}, {"KEY"}, {"VALUE"}});
    for (const table_info& one : all)
      lines.add({escaped(one.name), std::to_string(one.entries), escaped(one.key_schema), escaped(one.value_schema)});
    out << lines.to_string();
  }
  out.finish();
  return exit_ok;
}

int list_as_json(const state_view& state, const arguments& given) {
  output out;
  bool first = true;
  out << "{\"table\":" << json_string(given.name) << ",\"entries\":[";
  const bool more = for_each_entry(state, given, [&](const table_row& one) {
    out << (std::exchange(first, false) ? "" : ",")
        << json_object().raw("key", json_key(one.key)).raw("value", given.no_values ? "null" : harmless_json(one.json)).end();
  });
  out << "],\"more\":" << (more ? "true" : "false") << "}\n";
  out.finish();
  return exit_ok;
}

int list_entries(const state_view& state, const arguments& given) {
  output out;
  bool any = false;
  const bool more = for_each_entry(state, given, [&](const table_row& one) {
    any = true;
    out << key_text(one.key) << "  " << (given.no_values ? "(left out)" : harmless_json(one.json)) << "\n";
  });
  if (!any) out << "No entries.\n";
  if (more) out << "There are more: --limit 0 lists all.\n";
  out.finish();
  return exit_ok;
}

}  // namespace

void add_table(CLI::App& tool, std::function<int()>& chosen) {
  const auto given = std::make_shared<arguments>();
  CLI::App* const command = tool.add_subcommand("table", "List the tables of transactional steps, or the entries of one");
  add_state_directory(*command, given->state);
  command->add_option("NAME", given->name, "The table whose entries are wanted")->type_name("");
  command->add_option("-n,--limit", given->limit, "At most so many entries; 0: all (default 100)")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  add_json_flag(*command, given->json);
  add_no_values_flag(*command, given->no_values, "the values of entries");
  command->footer(
      "Example:\n  pawl table orders.pawl accounts --json\n\n"
      "Entries come in the order of their keys; a value is shown as JSON by the schema stored with its table.\n\n"
      "JSON:\n  {\"tables\":[{\"name\":...,\"entries\":2,\"key\":\"u32\",\"value\":\"i64\"}]}\n"
      "  {\"table\":\"accounts\",\"entries\":[{\"key\":1,\"value\":995}],\"more\":false}");
  command->callback([given, &chosen] {
    chosen = [given] {
      const state_view state(given->state);
      if (given->name.empty()) return list_tables(state, given->json);
      return given->json ? list_as_json(state, *given) : list_entries(state, *given);
    };
  });
}

}  // namespace pawl::cli
