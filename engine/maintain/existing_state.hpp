// The path of a state that must be there.
#pragma once

#include <filesystem>

namespace pawl::core {

// Settled. Throws pawl::error(not_a_state) where there is none.
[[nodiscard]] std::filesystem::path existing_state(const std::filesystem::path& state);

}  // namespace pawl::core
