// A logical copy of data.mdb: everything that a snapshot sees, in the order of its
// keys, into a new file with full pages and nothing free. For compaction, backups,
// and for making anew what follows from the rows.
//
// Knows nothing of the journal, of files and of whom the state belongs to.
#pragma once

#include "lmdb/catalogue.hpp"
#include "lmdb/transaction.hpp"

#include <pawl/maintain.hpp>

#include <filesystem>
#include <optional>

namespace pawl::core {

struct copy_plan {
  bool derive = false;                      // index, lists, names of files and counters are made from rows and entries of tables
  std::optional<state_identity> identity{};  // of a copy that is a state of its own, whose journal is empty
  tell_maintain progress{};
};

// Makes data.mdb in `directory`, which must be there and empty. When it returns all is on the disk but the file's name, and
// the last two commits both have all of it, as journal segments may be written over only then (rule 11).
// Throws pawl::error: damaged where something cannot be read, disk_full, io.
void copy_trees(const read_transaction& from, const std::filesystem::path& directory, const copy_plan& plan);

}  // namespace pawl::core
