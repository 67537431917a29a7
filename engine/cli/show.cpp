// pawl show: one item whole.
#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/keys.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/pages.hpp"
#include "cli/text.hpp"
#include "tell/units.hpp"

#include <pawl/describe.hpp>
#include <pawl/error.hpp>

#include <CLI/CLI.hpp>

#include <charconv>
#include <memory>
#include <optional>

namespace pawl::cli {
namespace {

constexpr std::size_t value_shown_max = 2000;
constexpr std::size_t value_read_max = std::size_t{16} << 20;

struct arguments {
  std::string state;
  std::string key;
  std::string workflow;
  bool only_text = false;
  bool only_integer = false;
  bool hex = false;
  bool json = false;
  bool no_values = false;
};

std::string bytes_of_hex(const std::string& text) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    unsigned value = 0;
    const auto read = std::from_chars(text.data() + i, text.data() + i + 2, value, 16);
    if (read.ec != std::errc{} || read.ptr != text.data() + i + 2) break;
    bytes.push_back(static_cast<char>(value));
  }
  if (bytes.size() * 2 != text.size())
    throw usage_error("with --hex KEY must be an even number of hexadecimal digits, such as 00ff");
  return bytes;
}

// The keys that KEY may mean, in the order in which they are tried.
std::vector<any_key> keys_of(const arguments& given) {
  if (given.hex) return {bytes_of_hex(given.key)};
  std::vector<any_key> keys;
  if (!given.only_integer) keys.emplace_back(given.key);
  if (given.only_text) return keys;
  if (const auto integer = as_integer(given.key))
    keys.push_back(*integer);
  else if (given.only_integer)
    throw usage_error("with --int KEY must be an integer of 64 bits");
  return keys;
}

std::optional<item_view> look_in(const state_view& state, const std::vector<std::string>& workflows,
                                 const arguments& given) {
  for (const any_key& key : keys_of(given)) {
    std::optional<item_view> found;
    for (const std::string& workflow : workflows) {
      auto item = state.item(workflow, key, value_read_max);
      if (item && found)
        throw usage_error("workflows '" + found->workflow + "' and '" + workflow +
                          "' both have this key; say which one with --workflow");
      if (item) found = std::move(item);
    }
    if (found) return found;
  }
  return std::nullopt;
}

item_view find_in(const state_view& state, const std::vector<std::string>& workflows, const arguments& given) {
  if (auto found = look_in(state, workflows, given)) return *std::move(found);
  throw error(errc::not_found, "show: there is no item with the key '" + escaped(given.key) + "'" +
                                   (given.workflow.empty() ? "" : " in workflow '" + escaped(given.workflow) + "'") +
                                   "; `pawl ls` lists those that are there");
}

item_view find_item(const state_view& state, const arguments& given) {
  if (!given.workflow.empty()) return find_in(state, {given.workflow}, given);
  // The branches of an item are called like it: those that are nobody's children go first.
  std::vector<std::string> parents;
  std::vector<std::string> children;
  for (const workflow_view& one : state.workflows())
    (one.name.find('/') == std::string::npos ? parents : children).push_back(one.name);
  if (auto found = look_in(state, parents, given)) return *std::move(found);
  return find_in(state, children, given);
}

std::string value_text(const std::string& title, const value_view& value) {
  std::string text =
      title + ": " + harmless(shortened(value.schema, value_shown_max)) + ", " + core::bytes_text(value.size) + "\n  ";
  if (!value.problem.empty()) return text + "not shown: " + harmless(value.problem) + "\n";
  const bool cut = value.json.size() > value_shown_max;
  return text + harmless_json(shortened(value.json, value_shown_max)) +
         (cut ? "\n  (--json prints all of it)\n" : "\n");
}

std::string step_words(const item_view& item, std::size_t step) {
  if (item.steps[step].completed) return "completed";
  if (step != item.steps_completed) return "";
  if (item.state == item_state::failed || item.state == item_state::skipped) return std::string(name_of(item.state));
  return item.failed_attempts != 0 ? "to be tried again" : "next";
}

std::string steps_text(const item_view& item) {
  using enum table::side;
  table steps({{"STEP", left}, {"KIND", left}, {"", left}, {"TOOK", right}, {"ATTEMPTS", right}, {"ENDED", left}});
  for (std::size_t i = 0; i < item.steps.size(); ++i) {
    const item_view::step& step = item.steps[i];
    std::vector<std::string> cells{
        escaped(step.name), std::string(name_of(step.kind)), step_words(item, i), "", "", ""};
    if (step.run) {
      cells[3] = core::duration_text(static_cast<double>(step.run->took.count()) / 1e9);
      cells[4] = core::grouped(step.run->attempts);
      cells[5] = time_text(step.run->ended);
    } else if (i == item.steps_completed && item.failed_attempts != 0) {
      cells[4] = core::grouped(item.failed_attempts);
    }
    steps.add(std::move(cells));
  }
  return steps.to_string("  ");
}

std::string as_text(const item_view& item, bool colours) {
  std::string text = "key:        " + key_text(item.key) + (item.key.is_text() ? "" : " (integer)") + "\n";
  text += "workflow:   " + escaped(item.workflow) + ", item " + std::to_string(item.id) + "\n";
  text += "state:      " + state_text(item.state, colours);
  if (!item.at_step().empty()) text += " at step '" + escaped(item.at_step()) + "'";
  text += item.sticky ? ", and stays so until someone reopens it\n" : "\n";
  text += "updated:    " + time_text(item.updated) + "\n";
  text += "generation: " + std::to_string(item.generation) + "\n";
  if (!item.error.empty()) text += "error:      " + escaped(item.error) + "\n";
  text += steps_text(item);
  if (item.input_is_key) text += "input: made from the key\n";
  if (item.input) text += value_text("input", *item.input);
  for (const value_view& one : item.kept)
    if (!item.result || item.result->step != one.step)
      text += value_text("kept result of '" + escaped(one.step) + "'", one);
  if (item.result) text += value_text("latest result, of '" + escaped(item.result->step) + "'", *item.result);
  return text;
}

int show(const arguments& given) {
  if (given.only_text + given.only_integer + given.hex > 1)
    throw usage_error("--text, --int and --hex exclude each other");
  const state_view state(given.state);
  item_view item = find_item(state, given);
  if (given.no_values) hide_values(item);
  output out;
  if (given.json)
    out << json_item_whole(item) << "\n";
  else
    out << as_text(item, out.colours());
  out.finish();
  return has_damaged_value(item) ? exit_damaged : exit_ok;
}

}  // namespace

void add_show(CLI::App& tool, std::function<int()>& chosen) {
  const auto given = std::make_shared<arguments>();
  CLI::App* const command =
      tool.add_subcommand("show", "Show one item: steps, times, attempts, error, results as JSON");
  add_state_directory(*command, given->state);
  command->add_option("KEY", given->key, "Its key: tried as text first, then as an integer")->required()->type_name("");
  add_workflow_option(*command, given->workflow);
  command->add_flag("--text", given->only_text, "KEY is text, also where it reads like an integer");
  command->add_flag("--int", given->only_integer, "KEY is an integer");
  command->add_flag("--hex", given->hex, "KEY is text, given as hexadecimal digits (key_hex in JSON)");
  add_json_flag(*command, given->json);
  add_no_values_flag(*command, given->no_values, "inputs, results and errors");
  command->footer(
      "Examples:\n  pawl show crawl.pawl https://example.org/\n  pawl show orders.pawl --int -- -17\n\n"
      "A key that begins with a dash goes behind --. Values of more than 16 MiB are named and not read.");
  command->callback([given, &chosen] { chosen = [given] { return show(*given); }; });
}

}  // namespace pawl::cli
