// Putting a fresh copy of data.mdb in the place of the old one.
//
// The copy is made beside it and flushed; one renaming makes it the state's. So a
// crash leaves the old one or the new one, each whole; what is left of a copy that
// was not finished is removed by the next opening for writing.
#pragma once

#include "lmdb/copy_trees.hpp"

#include <cstdint>
#include <filesystem>

namespace pawl::core {

struct rewritten {
  std::uint64_t bytes_before = 0;  // of data.mdb
  std::uint64_t bytes_after = 0;
};

// `state`: of settled_path. Uuid, epoch, and what is applied of the journal stay as they are. Throws pawl::error:
// state_in_use where anybody has the state open, also for reading (the sentence names the process); damaged, disk_full, io.
rewritten rewrite_data(const std::filesystem::path& state, const copy_plan& plan);

// Removes what a rewriting that did not come to its end has left. By the owner.
void remove_unfinished_rewrite(const std::filesystem::path& state);

}  // namespace pawl::core
