// Whether somebody was killed because memory was out: the one death from outside that can be an item's own doing.
#pragma once

#include "flight/format.hpp"

#include <filesystem>

namespace pawl::core {

// Of this process's memory control group (v2's memory.events, v1's memory.oom_control) and of the machine
// (/proc/vmstat). Zeros where the system does not tell. `root`: where /proc and /sys are.
[[nodiscard]] oom_counters read_oom_counters(const std::filesystem::path& root = "/");

// Was somebody killed for memory since? The control group's word counts where it is still the same one, for others on
// the machine are none of its business; else the machine's.
[[nodiscard]] bool killed_for_memory(const oom_counters& before, const oom_counters& now) noexcept;

}  // namespace pawl::core
