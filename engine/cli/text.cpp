#include "cli/text.hpp"

#include "record/utf8.hpp"
#include "schema/json_text.hpp"
#include "schema/time_text.hpp"

#include <algorithm>
#include <charconv>

namespace pawl::cli {
namespace {

constexpr std::size_t column_width_max = 60;

void append_hex(std::string& into, std::string_view prefix, unsigned value, int digits) {
  static constexpr char hex[] = "0123456789abcdef";
  into += prefix;
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) into += hex[value >> shift & 15U];
}

void append_escaped(std::string& into, std::string_view bytes) {
  for (const char byte : bytes) {
    if (byte == '\n')
      into += "\\n";
    else if (byte == '\r')
      into += "\\r";
    else if (byte == '\t')
      into += "\\t";
    else
      append_hex(into, "\\x", static_cast<unsigned char>(byte), 2);
  }
}

bool is_printable_ascii(char c) { return c >= 0x20 && c < 0x7f; }

// Hands each run of plain text and each thing that is none to `plain` and `strange`.
template <class Plain, class Strange>
void split(std::string_view bytes, Plain&& plain, Strange&& strange) {
  while (!bytes.empty()) {
    const auto ascii =
        static_cast<std::size_t>(std::find_if_not(bytes.begin(), bytes.end(), is_printable_ascii) - bytes.begin());
    if (ascii != 0) plain(bytes.substr(0, ascii));
    bytes.remove_prefix(ascii);
    if (bytes.empty()) return;
    const std::size_t length = core::utf8_length(bytes);
    const std::string_view piece = bytes.substr(0, std::max<std::size_t>(length, 1));
    if (length == 0 || core::is_command(core::code_point(piece)))
      strange(piece, length != 0);
    else
      plain(piece);
    bytes.remove_prefix(piece.size());
  }
}

bool reads_like_an_integer(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Columns on a terminal, nearly: characters, without colours.
std::size_t width_of(std::string_view cell) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < cell.size(); ++i) {
    if (cell[i] == '\x1b')
      i = std::min(cell.find('m', i), cell.size() - 1);
    else if ((static_cast<unsigned char>(cell[i]) & 0xc0U) != 0x80U)
      ++width;
  }
  return width;
}

}  // namespace

std::string escaped(std::string_view bytes) {
  std::string text;
  split(
      bytes,
      [&](std::string_view piece) {
        for (const char c : piece) text.append(c == '\\' ? 2 : 1, c);
      },
      [&](std::string_view piece, bool) { append_escaped(text, piece); });
  return text;
}

std::string harmless(std::string_view text) {
  std::string made;
  split(
      text, [&](std::string_view piece) { made += piece; },
      [&](std::string_view piece, bool) { append_escaped(made, piece); });
  return made;
}

std::string harmless_json(std::string_view json) {
  std::string made;
  made.reserve(json.size());
  split(
      json, [&](std::string_view piece) { made += piece; },
      [&](std::string_view piece, bool valid) {
        append_hex(made, "\\u", valid ? static_cast<unsigned>(core::code_point(piece)) : 0xfffdU, 4);
      });
  return made;
}

std::string key_text(const any_key& key) {
  if (!key.is_text()) return key.to_string();
  const std::string text = escaped(key.text());
  return text.empty() || reads_like_an_integer(text) ? '"' + text + '"' : text;
}

std::string time_text(std::chrono::sys_time<std::chrono::microseconds> when) {
  std::string text = core::iso_time(when.time_since_epoch().count(), 1, 1'000'000);
  if (!text.empty()) text += 'Z';
  return text;
}

std::string shortened(std::string text, std::size_t size_max) {
  if (text.size() <= size_max) return text;
  std::size_t end = size_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  text.resize(end);
  return text += "...";
}

std::string state_text(item_state state, bool colours) {
  const std::string name(name_of(state));
  if (!colours) return name;
  const auto painted = [&](const char* code) { return "\x1b[" + std::string(code) + "m" + name + "\x1b[0m"; };
  switch (state) {
    case item_state::done:
      return painted("32");
    case item_state::failed:
      return painted("31");
    case item_state::skipped:
      return painted("33");
    case item_state::in_progress:
      return painted("36");
    case item_state::pending:
      break;
  }
  return name;
}

void table::append_row(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths,
                       std::string& into) const {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::size_t width = width_of(cells[i]);
    const std::string space(widths[i] > width ? widths[i] - width : 0, ' ');
    if (i != 0) line += "  ";
    line += columns_[i].aligned == side::right ? space + cells[i] : cells[i] + space;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  into += line + '\n';
}

std::string table::to_string(std::string_view indent) const {
  std::vector<std::string> titles;
  std::vector<std::size_t> widths;
  for (const column& one : columns_) {
    titles.push_back(one.title);
    widths.push_back(width_of(one.title));
  }
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], std::min(width_of(row[i]), column_width_max));
  std::string text{indent};
  append_row(titles, widths, text);
  for (const auto& row : rows_) append_row(row, widths, text += indent);
  return text;
}

}  // namespace pawl::cli
