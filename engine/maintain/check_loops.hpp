// The checkpoints of loops in a state directory, each against its checksums.
#pragma once

#include "file/file_system.hpp"
#include "lmdb/check_entries.hpp"
#include "store/backend.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace pawl::core {

// Returns how many there are. `view`: whose items they belong to; null where it cannot be looked at. A loop writes its two
// checkpoints in turn, so one that is not whole is damage only where it is the later one, or there is no other: else a
// crash may have torn it, and that is a note.
std::uint64_t check_loops(file_system& files, const std::filesystem::path& state, const std::array<std::byte, 16>& uuid,
                          snapshot* view, const tell_finding& tell, std::vector<std::string>& notes);

}  // namespace pawl::core
