#include "tell/units.hpp"

#include "record/utf8.hpp"

#include <fmt/format.h>

#include <array>

namespace pawl::core {
std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
  return text;
}

std::string duration_text(double seconds) {
  if (seconds < 1e-6) return fmt::format("{:.0f} ns", seconds * 1e9);
  if (seconds < 1e-3) return fmt::format("{:.3g} us", seconds * 1e6);
  if (seconds < 1) return fmt::format("{:.3g} ms", seconds * 1e3);
  if (seconds < 120) return fmt::format("{:.3g} s", seconds);
  const auto whole = static_cast<std::uint64_t>(seconds);
  if (seconds < 7200) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

std::string bytes_text(std::uint64_t bytes) {
  static constexpr std::array units{"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (size >= 1000 && unit + 1 < units.size()) {
    size /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.3g} {}", size, units[unit]);
}

std::string json_string(std::string_view text) {
  std::string json = "\"";
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) {
      json += "\\ufffd";
      text.remove_prefix(1);
      continue;
    }
    const char first = text[0];
    if (first == '"' || first == '\\') (json += '\\') += first;
    else if (static_cast<unsigned char>(first) < 0x20 || first == 0x7f)
      json += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(first)));
    else json.append(text.substr(0, length));
    text.remove_prefix(length);
  }
  return json += '"';
}

}  // namespace pawl::core
