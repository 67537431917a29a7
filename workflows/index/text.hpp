// The pure part: what a file says, from its bytes alone.
//
// Knows neither files nor databases: the same bytes give the same document, on
// every machine and in every run.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace index_text {

struct term {
  std::string word;  // lower case where it is ASCII
  std::uint32_t count = 0;
  bool operator==(const term&) const = default;
};

struct document {
  std::string title;        // one line
  std::string text;         // UTF-8, whatever the bytes were
  std::vector<term> terms;  // the most frequent words, most frequent first
  std::uint64_t bytes = 0;
  std::uint64_t lines = 0;
  std::uint64_t words = 0;
};

// Does it hold a zero byte? No text in an encoding that we read does.
[[nodiscard]] bool is_binary(std::string_view bytes);

// Bytes that are not UTF-8 become U+FFFD, one for each.
[[nodiscard]] std::string as_utf8(std::string_view bytes);

// For a terminal: control characters and bytes that are not UTF-8 as \xNN.
[[nodiscard]] std::string printable(std::string_view bytes);

[[nodiscard]] document understand(std::string_view bytes);

}  // namespace index_text
