// Opening a state directory: start here.
#pragma once

#include "file/file_system.hpp"
#include "lmdb/catalogue.hpp"
#include "store/backend.hpp"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace pawl::core {

struct lmdb_options {
  bool create = true;                            // make the state where there is none
  std::size_t large_threshold = 256 * 1024;      // longer values go to files of their own
  std::size_t dirty_pages_max = 16'000;          // of one transaction; a larger batch takes several
  std::size_t map_size = 0;                      // addresses for data.mdb; 0: 1 TiB, less under sanitizers
  file_system* files = &machine_files();         // for blobs/; must outlive the backend
  bool own_thread = true;                        // that flushes files of long values while others work
  std::vector<std::string>* warnings = nullptr;  // gets what the user should know: a sentence each
  keeping kept = keeping::committed;             // with a journal in front: state/open.hpp
  pawl::durability durability = durability::power;  // is recorded, for people; LMDB's commits are always flushed
  // Called by the owner before the opening is recorded; what it throws ends the opening.
  std::function<void(const std::filesystem::path& state, const hash_key& uuid, const journal_mark& mark)> prepare{};
};

// Opens a state for writing, alone (but for keeping::shared), and makes it where there is none (options.create). Every rule of
// recovery has been applied when this returns; a new epoch is durable.
//
// Throws pawl::error: state_in_use (the sentence names the process), not_a_state, newer_format, damaged,
// disk_full, io. The backend may be used in this process only, not in the child of a fork; snapshots
// keep the state open.
[[nodiscard]] std::unique_ptr<backend> open_lmdb(const std::filesystem::path& state, const lmdb_options& options = {});

// Opens a state to look at it, also while an engine works on it and after a crash. Changes no data and
// takes no owner's lock. What would write throws pawl::error(bad_argument). Throws as above.
[[nodiscard]] std::unique_ptr<backend> open_lmdb_reader(const std::filesystem::path& state,
                                                        std::vector<std::string>* warnings = nullptr);

}  // namespace pawl::core
