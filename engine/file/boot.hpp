// Which boot of the machine this is: what memory of the kernel's (pages not written back, counters) can still be true.
#pragma once

#include <array>
#include <cstddef>

namespace pawl::core {

using boot_id = std::array<std::byte, 16>;

// Zeros where the system does not tell.
[[nodiscard]] boot_id this_boot();

}  // namespace pawl::core
