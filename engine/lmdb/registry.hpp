// The environments that this process has open: the library's only global state.
//
// A state is opened once per process, whatever path leads to it: a second LMDB
// environment, or a second descriptor of its lock files, would drop the locks of
// the first one (rule 12 of the LMDB rules).
#pragma once

#include "lmdb/environment.hpp"

#include <functional>
#include <memory>

namespace pawl::core {

// The environment of the state in `directory`: for reading, the one that this process has open already
// or what `open` makes; for writing, what `open` makes, or pawl::error(state_in_use) where this process
// has it open already. Opening and closing happen one at a time.
[[nodiscard]] std::shared_ptr<environment> open_registered(const std::filesystem::path& directory, access_mode mode,
                                                           const std::function<std::unique_ptr<environment>()>& open);

// Runs `action` while this process has the state in `directory` not open and opens none at all: for what replaces data.mdb.
// Throws pawl::error(state_in_use), and what `action` throws.
void alone_in_process(const std::filesystem::path& directory, const std::function<void()>& action);

}  // namespace pawl::core
