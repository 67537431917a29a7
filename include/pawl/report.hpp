// What a run did, counted.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace pawl {

/// The states of an item. The numbers stand in stored rows: never reused.
enum class item_state : std::uint8_t { pending = 0, in_progress = 1, done = 2, failed = 3, skipped = 4 };

/// "pending", "in_progress", "done", "failed", "skipped".
[[nodiscard]] std::string_view name_of(item_state state) noexcept;

}  // namespace pawl
