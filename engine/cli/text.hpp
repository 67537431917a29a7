// What people read: stored bytes made harmless, times, tables.
//
// Keys, errors and names come from outside and may hold anything. On a terminal
// some of it would be commands, so whatever is not plain text is escaped before
// it is printed.
#pragma once

#include <pawl/inspect.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace pawl::cli {

// One line that can be told back: control characters, marks that turn the writing direction and bytes that
// are not UTF-8 as \n, \r, \t or \xNN, a backslash as two.
[[nodiscard]] std::string escaped(std::string_view bytes);
// The same for text of our own that may quote others: backslashes stay as they are.
[[nodiscard]] std::string harmless(std::string_view text);
// JSON for any terminal: such characters, which can only stand within its strings, as \uNNNN.
[[nodiscard]] std::string harmless_json(std::string_view json);

// Escaped; in quotes where it is text that reads like an integer, or empty.
[[nodiscard]] std::string key_text(const any_key& key);

// "2024-05-01T12:30:00.250000Z"; empty where the time is out of any range.
[[nodiscard]] std::string time_text(std::chrono::sys_time<std::chrono::microseconds> when);

// The text, with "..." for what is beyond `size_max` bytes. Cuts between characters.
[[nodiscard]] std::string shortened(std::string text, std::size_t size_max);

// The state's name, coloured if wanted.
[[nodiscard]] std::string state_text(item_state state, bool colours);

// Columns as wide as their widest cell (at most 60), the last one ragged. Cells hold no control
// characters but those of state_text.
class table {
public:
  enum class side : unsigned char { left, right };
  struct column {
    std::string title;
    side aligned = side::left;
  };
  explicit table(std::vector<column> columns) : columns_(std::move(columns)) {}
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  [[nodiscard]] bool empty() const noexcept { return rows_.empty(); }
  [[nodiscard]] std::string to_string(std::string_view indent = {}) const;

private:
  void append_row(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths,
                  std::string& into) const;

  std::vector<column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace pawl::cli
