#include "text.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>

namespace index_text {
namespace {

constexpr std::size_t title_length_max = 120;
constexpr std::size_t terms_max = 16;
constexpr std::size_t term_length_min = 3;
constexpr std::size_t term_length_max = 64;

constexpr std::array<bool, 256> word_bytes = [] {
  std::array<bool, 256> table{};
  for (unsigned code = 0; code < 256; ++code)
    table[code] = (code >= '0' && code <= '9') || (code >= 'A' && code <= 'Z') || (code >= 'a' && code <= 'z') ||
                  code == '_' || code >= 0x80;
  return table;
}();

bool in_word(char byte) { return word_bytes[static_cast<unsigned char>(byte)]; }

char lower(char byte) { return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte + ('a' - 'A')) : byte; }

// The length of the well-formed UTF-8 sequence at the front (Unicode 15, table 3-7), or 0.
std::size_t sequence_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xbf) {
    return i < text.size() && at(i) >= low && at(i) <= high;
  };
  const unsigned lead = at(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return follows(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef)
    return follows(1, lead == 0xe0 ? 0xa0 : 0x80, lead == 0xed ? 0x9f : 0xbf) && follows(2) ? 3 : 0;
  if (lead >= 0xf0 && lead <= 0xf4)
    return follows(1, lead == 0xf0 ? 0x90 : 0x80, lead == 0xf4 ? 0x8f : 0xbf) && follows(2) && follows(3) ? 4 : 0;
  return 0;
}

// The first line that says something: without comment marks, and with a letter in it.
std::string title_of(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (!line.empty() && !in_word(line.front())) line.remove_prefix(1);
    while (!line.empty() && !in_word(line.back()) && line.back() != '.') line.remove_suffix(1);
    if (line.size() < term_length_min) continue;
    if (line.size() > title_length_max) {
      std::size_t cut = title_length_max;
      while (cut > 0 && (static_cast<unsigned char>(line[cut]) & 0xc0) == 0x80) --cut;  // not inside a character
      line = line.substr(0, cut);
    }
    return std::string(line);
  }
  return {};
}

}  // namespace

bool is_binary(std::string_view bytes) { return bytes.find('\0') != std::string_view::npos; }

std::string as_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    std::size_t good = 0;
    while (good < bytes.size()) {
      const std::size_t length = sequence_length(bytes.substr(good));
      if (length == 0) break;
      good += length;
    }
    text.append(bytes.substr(0, good));
    bytes.remove_prefix(good);
    if (bytes.empty()) break;
    text.append("\xef\xbf\xbd");
    bytes.remove_prefix(1);
  }
  return text;
}

std::string printable(std::string_view bytes) {
  static constexpr char hex[] = "0123456789abcdef";
  std::string text;
  while (!bytes.empty()) {
    const std::size_t length = sequence_length(bytes);
    const auto code = static_cast<unsigned char>(bytes.front());
    if (length == 0 || code < 0x20 || code == 0x7f)
      ((text += "\\x") += hex[code >> 4]) += hex[code & 15];
    else
      text += bytes.substr(0, length);
    bytes.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return text;
}

document understand(std::string_view bytes) {
  document found;
  found.bytes = bytes.size();
  found.text = as_utf8(bytes);
  found.title = title_of(found.text);
  found.lines = static_cast<std::uint64_t>(std::count(bytes.begin(), bytes.end(), '\n'));
  if (!bytes.empty() && bytes.back() != '\n') ++found.lines;

  std::unordered_map<std::string, std::uint32_t> counts;
  std::string word;
  const std::string_view text = found.text;
  for (std::size_t at = 0; at < text.size();) {
    if (!in_word(text[at])) {
      ++at;
      continue;
    }
    word.clear();
    for (; at < text.size() && in_word(text[at]); ++at) word += lower(text[at]);
    ++found.words;
    const bool number = word[0] >= '0' && word[0] <= '9';
    if (!number && word.size() >= term_length_min && word.size() <= term_length_max) ++counts[word];
  }

  found.terms.reserve(counts.size());
  for (const auto& [name, count] : counts) found.terms.push_back({name, count});
  const auto by_rank = [](const term& a, const term& b) {
    return a.count != b.count ? a.count > b.count : a.word < b.word;
  };
  const auto kept = static_cast<std::ptrdiff_t>(std::min(found.terms.size(), terms_max));
  std::partial_sort(found.terms.begin(), found.terms.begin() + kept, found.terms.end(), by_rank);
  found.terms.resize(static_cast<std::size_t>(kept));
  return found;
}

}  // namespace index_text
