// Between the keys that people name (any_key) and the bytes that are stored.
#pragma once

#include <pawl/inspect.hpp>

#include <string>
#include <string_view>

namespace pawl::core {

[[nodiscard]] std::string stored_key(const any_key& key);
// A child's is the text that it reads like (record/key.hpp). Throws pawl::error(damaged) where the bytes are no typed key.
[[nodiscard]] any_key key_of(std::string_view typed_key);

}  // namespace pawl::core
