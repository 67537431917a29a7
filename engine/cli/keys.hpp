// Keys as people write them on a command line.
#pragma once

#include <pawl/inspect.hpp>

#include <optional>
#include <string>
#include <vector>

namespace pawl::cli {

// The integer of 64 bits that the text says in decimal; nothing where it says none.
[[nodiscard]] std::optional<any_key> as_integer(const std::string& text);

// The key of an item of `workflow` that each text means: as text, or else as an integer. Throws not_found for one that
// is neither, and for a workflow that is not there.
[[nodiscard]] std::vector<any_key> keys_in(const state_view& state, const std::string& workflow,
                                           const std::vector<std::string>& texts);

}  // namespace pawl::cli
