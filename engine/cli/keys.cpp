#include "cli/keys.hpp"

#include "cli/text.hpp"

#include <pawl/error.hpp>

#include <charconv>
#include <cstdint>

namespace pawl::cli {
namespace {

bool is_there(const state_view& state, const std::string& workflow, const any_key& key) {
  return state.item(workflow, key, 0).has_value();
}

any_key key_in(const state_view& state, const std::string& workflow, const std::string& text) {
  if (is_there(state, workflow, text)) return text;
  if (const auto integer = as_integer(text); integer && is_there(state, workflow, *integer)) return *integer;
  throw error(errc::not_found, "there is no item with the key '" + escaped(text) + "' in workflow '" +
                                   escaped(workflow) + "'; `pawl ls` lists those that are there");
}

}  // namespace

std::optional<any_key> as_integer(const std::string& text) {
  const char* const end = text.data() + text.size();
  std::int64_t negative = 0;
  std::uint64_t positive = 0;
  if (const auto read = std::from_chars(text.data(), end, positive); read.ec == std::errc{} && read.ptr == end)
    return positive;
  if (const auto read = std::from_chars(text.data(), end, negative); read.ec == std::errc{} && read.ptr == end)
    return negative;
  return std::nullopt;
}

std::vector<any_key> keys_in(const state_view& state, const std::string& workflow,
                             const std::vector<std::string>& texts) {
  std::vector<any_key> keys;
  keys.reserve(texts.size());
  for (const std::string& text : texts) keys.push_back(key_in(state, workflow, text));
  return keys;
}

}  // namespace pawl::cli
