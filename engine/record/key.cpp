#include "record/key.hpp"

#include "record/utf8.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <optional>
#include <utility>

namespace pawl::core {
namespace {

constexpr std::ptrdiff_t slashes_at_depth = 32;

void append_big_endian(std::string& into, std::uint64_t number, std::size_t bytes = sizeof(std::uint64_t)) {
  while (bytes-- > 0) into.push_back(static_cast<char>(number >> (8 * bytes)));
}

std::uint64_t read_big_endian(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char byte : bytes) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

template <class Number>
std::optional<Number> number_in(std::string_view text) {
  Number number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || read.ec != std::errc{} || read.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

// The keys of items without a parent that read like this.
std::vector<std::string> keys_named(std::string_view text) {
  std::vector<std::string> keys(1);
  key_writer(keys.back()).text(text);
  if (const auto number = number_in<std::uint64_t>(text)) key_writer(keys.emplace_back()).number(false, *number);
  else if (const auto negative = number_in<std::int64_t>(text))
    key_writer(keys.emplace_back()).number(true, static_cast<std::uint64_t>(*negative));
  return keys;
}

// ... of parents, each with the generation that the text may tell.
std::vector<std::pair<std::string, std::uint32_t>> parents_named(std::string_view text, std::size_t depth) {
  const auto keys = [&](std::string_view one) { return depth == 0 ? keys_named(one) : child_keys_named(one, depth); };
  std::vector<std::pair<std::string, std::uint32_t>> parents;
  for (std::string& key : keys(text)) parents.emplace_back(std::move(key), 0);
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos) return parents;
  if (const auto generation = number_in<std::uint32_t>(text.substr(at + 1)))
    for (std::string& key : keys(text.substr(0, at))) parents.emplace_back(std::move(key), *generation);
  return parents;
}

}  // namespace

void key_writer::number(bool negative, std::uint64_t twos_complement) {
  into_.assign(1, negative ? key_tag_negative : key_tag_number);
  append_big_endian(into_, twos_complement);
}

void key_writer::text(std::string_view bytes) {
  into_.assign(1, key_tag_text);
  into_.append(bytes);
}

std::string scope_of_children(std::string_view typed_key, std::uint32_t generation) {
  std::string scope(1, key_tag_child);
  append_big_endian(scope, typed_key.size(), sizeof(std::uint16_t));
  scope.append(typed_key);
  append_big_endian(scope, generation, sizeof generation);
  return scope;
}

child_key split_child_key(std::string_view typed_key) {
  constexpr std::size_t size_at = 1;
  constexpr std::size_t parent_at = size_at + sizeof(std::uint16_t);
  child_key parts;
  if (is_child_key(typed_key) && typed_key.size() >= parent_at && typed_key.size() <= max_child_key_size) {
    const std::size_t size = read_big_endian(typed_key.substr(size_at, sizeof(std::uint16_t)));
    if (typed_key.size() > parent_at + size + sizeof parts.generation) {
      parts.parent = typed_key.substr(parent_at, size);
      parts.generation =
          static_cast<std::uint32_t>(read_big_endian(typed_key.substr(parent_at + size, sizeof parts.generation)));
      parts.own = typed_key.substr(parent_at + size + sizeof parts.generation);
      return parts;
    }
  }
  throw error(errc::damaged, "record: a stored key of a child is not whole; run `pawl verify` on the state");
}

key_parts split_key(std::string_view typed_key) {
  if (is_child_key(typed_key)) return split_key(split_child_key(typed_key).own);
  key_parts parts;
  if (!typed_key.empty() && typed_key[0] == key_tag_text) {
    parts.is_text = true;
    parts.text = typed_key.substr(1);
    return parts;
  }
  if (typed_key.size() != 9 || (typed_key[0] != key_tag_negative && typed_key[0] != key_tag_number))
    throw error(errc::damaged, "record: a stored key is neither a number nor text; run `pawl verify` on the state");
  parts.negative = typed_key[0] == key_tag_negative;
  parts.number = read_big_endian(typed_key.substr(1));
  return parts;
}

std::string printable_key(std::string_view typed_key) { return printable(plain_key(typed_key)); }

std::string plain_key(std::string_view typed_key) {
  if (is_child_key(typed_key)) {
    const child_key child = split_child_key(typed_key);
    std::string text = plain_key(child.parent);
    if (child.generation != 0) text += '@' + std::to_string(child.generation);
    const std::string own = plain_key(child.own);
    return own.empty() ? text : text + '/' + own;
  }
  const key_parts parts = split_key(typed_key);
  if (parts.is_text) return std::string(parts.text);
  std::array<char, 24> digits;
  const auto end = parts.negative
                       ? std::to_chars(digits.begin(), digits.end(), static_cast<std::int64_t>(parts.number)).ptr
                       : std::to_chars(digits.begin(), digits.end(), parts.number).ptr;
  return {digits.data(), end};
}

// Any of the slashes may be the one, for there may be some in the keys.
std::vector<std::string> child_keys_named(std::string_view text, std::size_t depth) {
  std::vector<std::string> keys;
  if (text.size() > max_child_key_size) return keys;
  // Each slash may be the one at each depth: with many of them there would be no end of ways to read it.
  if (depth > 1 && std::count(text.begin(), text.end(), '/') > slashes_at_depth) return keys;
  std::string nameless;  // an only child
  key_writer(nameless).text({});
  for (const auto& [parent, generation] : parents_named(text, depth - 1))
    keys.push_back(scope_of_children(parent, generation) + nameless);
  for (std::size_t slash = text.find('/'); slash != std::string_view::npos; slash = text.find('/', slash + 1))
    for (const auto& [parent, generation] : parents_named(text.substr(0, slash), depth - 1))
      for (const std::string& own : keys_named(text.substr(slash + 1)))
        keys.push_back(scope_of_children(parent, generation) + own);
  return keys;
}

std::string printable(std::string_view bytes) {
  static constexpr char hex[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size());
  const auto escape = [&](char byte) {
    const auto code = static_cast<unsigned char>(byte);
    ((text += "\\x") += hex[code >> 4]) += hex[code & 15];
  };
  while (!bytes.empty()) {
    const char first = bytes[0];
    const std::size_t length = utf8_length(bytes);
    if (first == '\n') text += "\\n";
    else if (first == '\t') text += "\\t";
    else if (first == '\r') text += "\\r";
    else if (first == '\\') text += "\\\\";
    else if (length == 0 || is_command(code_point(bytes.substr(0, length))))
      for (const char byte : bytes.substr(0, length == 0 ? 1 : length)) escape(byte);
    else text.append(bytes.substr(0, length));
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
  return text;
}

}  // namespace pawl::core
