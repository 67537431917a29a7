// Workflows and items as JSON. Always valid UTF-8 and harmless on a terminal.
#pragma once

#include <pawl/inspect.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace pawl::cli {

// In quotes. Bytes that are not UTF-8 appear as \xNN.
[[nodiscard]] std::string json_string(std::string_view bytes);

// Builds one object, member by member, in the order of the calls.
class json_object {
public:
  json_object& raw(std::string_view name, std::string_view json);
  json_object& text(std::string_view name, std::string_view value) { return raw(name, json_string(value)); }
  // null where it is empty.
  json_object& text_or_null(std::string_view name, std::string_view value);
  json_object& number(std::string_view name, std::uint64_t value) { return raw(name, std::to_string(value)); }
  json_object& truth(std::string_view name, bool value) { return raw(name, value ? "true" : "false"); }
  [[nodiscard]] std::string end() { return text_ + '}'; }

private:
  std::string text_ = "{";
};

// [a,b,...] of what `show` makes of each.
template <class Range, class Show>
[[nodiscard]] std::string json_array(const Range& range, Show&& show) {
  std::string text = "[";
  for (const auto& one : range) text.append(text.size() > 1 ? "," : "").append(show(one));
  return text += ']';
}

// An integer as a number, text as a string.
[[nodiscard]] std::string json_key(const any_key& key);
[[nodiscard]] std::string json_workflow(const workflow_view& workflow);
// What ls, show and export have in common: what an item is, without steps and values.
[[nodiscard]] json_object json_item_head(const item_view& item);
// With its steps, and each value with size, schema and step.
[[nodiscard]] std::string json_item_whole(const item_view& item);
// With the bare values.
[[nodiscard]] std::string json_item_row(const item_view& item);
[[nodiscard]] std::string json_damaged(const damaged_item& item);

}  // namespace pawl::cli
