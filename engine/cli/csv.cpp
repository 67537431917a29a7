#include "cli/csv.hpp"

#include "cli/text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace pawl::cli {
namespace {

// [+-] digits [. digits] [e [+-] digits]
bool is_plain_number(std::string_view text) {
  std::size_t at = 0;
  const auto sign = [&] {
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
  };
  const auto digits = [&] {
    const std::size_t from = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at > from;
  };
  sign();
  if (!digits()) return false;
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (!digits()) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    sign();
    if (!digits()) return false;
  }
  return at == text.size();
}

bool begins_like_a_formula(std::string_view text) {
  static constexpr std::array<std::string_view, 11> beginnings = {
      "=", "+", "-", "@", "\t", "\r", "\n", "\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d", "\xef\xbc\xa0"};
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  for (const std::string_view one : beginnings)
    if (text.starts_with(one)) return true;
  return false;
}

// Rule 1: harmless() line by line, for it would escape what separates them.
std::string without_controls(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const std::size_t plain = std::min(bytes.find_first_of("\t\r\n"), bytes.size());
    text += harmless(bytes.substr(0, plain));
    if (plain < bytes.size()) text += bytes[plain];
    bytes.remove_prefix(std::min(plain + 1, bytes.size()));
  }
  return text;
}

}  // namespace

std::string csv_cell(std::string_view bytes) {
  std::string text = without_controls(bytes);
  if (begins_like_a_formula(text) && !is_plain_number(text)) text.insert(text.begin(), '\'');
  const bool quoted =
      text.find_first_of(",\"\r\n") != std::string::npos || text.starts_with(' ') || text.ends_with(' ');
  if (!quoted) return text;
  std::string cell = "\"";
  for (const char c : text) cell.append(c == '"' ? 2 : 1, c);
  return cell += '"';
}

}  // namespace pawl::cli
