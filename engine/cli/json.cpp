#include "cli/json.hpp"

#include "cli/text.hpp"
#include "schema/json_text.hpp"

#include <pawl/describe.hpp>

#include <fmt/format.h>

#include <limits>
#include <span>

namespace pawl::cli {
namespace {

core::json_text unlimited() { return core::json_text(std::numeric_limits<std::size_t>::max()); }

bool is_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t length = core::utf8_length(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::string json_time(std::chrono::sys_time<std::chrono::microseconds> when) {
  const std::string text = time_text(when);
  return text.empty() ? "null" : '"' + text + '"';
}

std::string json_step(const item_view::step& step) {
  json_object json;
  json.text("name", step.name);
  json.text("kind", name_of(step.kind));
  json.truth("completed", step.completed);
  if (step.run) {
    json.raw("ended", json_time(step.run->ended));
    json.raw("took_s", fmt::format("{}", static_cast<double>(step.run->took.count()) / 1e9));
    json.number("attempts", step.run->attempts);
  }
  return json.end();
}

std::string bare_value(const value_view& value) { return value.problem.empty() ? harmless_json(value.json) : "null"; }

std::string json_value(const value_view& value) {
  json_object json;
  if (!value.step.empty()) json.text("step", value.step);
  json.number("size", value.size);
  json.text_or_null("schema", value.schema);
  json.raw("value", bare_value(value));
  if (!value.problem.empty()) json.text("problem", value.problem);
  return json.end();
}

// The input of an item that is made from its key is that key, as far as anyone can tell without the types.
void add_values(const item_view& item, json_object& json) {
  json.truth("input_is_key", item.input_is_key);
  json.raw("input", item.input ? json_value(*item.input) : "null");
  json.raw("result", item.result ? json_value(*item.result) : "null");
  json.raw("kept", json_array(item.kept, json_value));
}

void add_bare(const char* name, const char* problem_name, const std::optional<value_view>& value, json_object& json) {
  json.raw(name, value ? bare_value(*value) : "null");
  if (value && !value->problem.empty()) json.text(problem_name, value->problem);
}

}  // namespace

std::string json_string(std::string_view bytes) {
  core::json_text text = unlimited();
  text.string(bytes);
  return harmless_json(text.take());
}

json_object& json_object::raw(std::string_view name, std::string_view json) {
  if (text_.size() > 1) text_ += ',';
  text_.append(json_string(name)).append(":").append(json);
  return *this;
}

json_object& json_object::text_or_null(std::string_view name, std::string_view value) {
  return value.empty() ? raw(name, "null") : text(name, value);
}

std::string json_key(const any_key& key) { return key.is_text() ? json_string(key.text()) : key.to_string(); }

std::string json_workflow(const workflow_view& workflow) {
  json_object json;
  json.text("name", workflow.name);
  for (const item_state state :
       {item_state::pending, item_state::in_progress, item_state::done, item_state::failed, item_state::skipped})
    json.number(name_of(state), workflow.count(state));
  json.raw("steps", json_array(workflow.steps, [](const workflow_view::step& step) {
             json_object one;
             one.text("name", step.name).number("completed", step.completed);
             one.text("kind", name_of(step.kind)).number("version", step.version);
             return one.end();
           }));
  return json.end();
}

json_object json_item_head(const item_view& item) {
  json_object json;
  json.text("workflow", item.workflow);
  json.raw("key", json_key(item.key));
  json.text("key_type", item.key.is_text() ? "text" : "integer");
  if (!is_utf8(item.key.text())) {
    core::json_text hex = unlimited();
    hex.hex(std::as_bytes(std::span{item.key.text()}));
    json.raw("key_hex", hex.take());
  }
  json.number("id", item.id);
  json.text("state", name_of(item.state));
  json.truth("sticky", item.sticky);
  json.text_or_null("step", item.at_step());
  json.number("steps_completed", item.steps_completed);
  json.number("failed_attempts", item.failed_attempts);
  json.number("generation", item.generation);
  json.raw("updated", json_time(item.updated));
  json.text_or_null("error", item.error);
  return json;
}

std::string json_item_whole(const item_view& item) {
  json_object json = json_item_head(item);
  json.raw("steps", json_array(item.steps, json_step));
  add_values(item, json);
  return json.end();
}

std::string json_item_row(const item_view& item) {
  json_object json = json_item_head(item);
  add_bare("input", "input_problem", item.input, json);
  add_bare("result", "result_problem", item.result, json);
  json_object kept;
  for (const value_view& one : item.kept) kept.raw(one.step, bare_value(one));
  json.raw("kept", kept.end());
  return json.end();
}

std::string json_damaged(const damaged_item& item) {
  return json_object().text("workflow", item.workflow).number("id", item.id).text("problem", item.sentence).end();
}

}  // namespace pawl::cli
