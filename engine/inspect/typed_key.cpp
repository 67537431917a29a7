#include "inspect/typed_key.hpp"

#include "record/key.hpp"

namespace pawl {
namespace core {

std::string stored_key(const any_key& key) {
  std::string typed;
  key_writer writer(typed);
  if (key.is_text())
    writer.text(key.text());
  else
    writer.number(key.negative(), key.number());
  return typed;
}

any_key key_of(std::string_view typed_key) {
  if (is_child_key(typed_key)) return plain_key(typed_key);
  const key_parts parts = split_key(typed_key);
  if (parts.is_text) return parts.text;
  if (parts.negative) return static_cast<std::int64_t>(parts.number);
  return parts.number;
}

}  // namespace core

std::string any_key::to_string() const {
  if (is_text_) return text_;
  return negative_ ? std::to_string(static_cast<std::int64_t>(number_)) : std::to_string(number_);
}

}  // namespace pawl
