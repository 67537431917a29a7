// Opening a state as a whole, with its journal: start here.
#pragma once

#include "file/file_system.hpp"
#include "journal/journal.hpp"
#include "state/applier.hpp"
#include "store/backend.hpp"

#include <pawl/options.hpp>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace pawl::core {

struct state_options {
  bool shared = false;                           // by several processes: without a journal, and only in `power`
  pawl::durability durability = durability::power;
  std::uint64_t journal_bytes = std::uint64_t{256} << 20;
  std::chrono::nanoseconds flush_interval = std::chrono::milliseconds(100);  // `process`
  applier_options applying;                      // without a thread of its own: no flusher either
  file_system* files = &machine_files();         // for journal/ and blobs/; must outlive the backend
  std::vector<std::string>* warnings = nullptr;  // gets what the user should know: a sentence each
};

// Opens a state for writing, alone unless it is shared, and makes it where there is none. When this returns, everything that was recorded
// is on the disk; folding it into LMDB goes on beside.
//
// Throws pawl::error: state_in_use, not_a_state, newer_format, damaged, disk_full, io; as open_lmdb does.
[[nodiscard]] std::unique_ptr<backend> open_state(const std::filesystem::path& state, const state_options& options = {});

// Opens a state to look at it, with what its journal holds, also while an engine works on it and after a crash.
// Changes nothing. What would write throws pawl::error(bad_argument).
[[nodiscard]] std::unique_ptr<backend> open_state_reader(const std::filesystem::path& state,
                                                         std::vector<std::string>* warnings = nullptr);

// In which durability a state was opened last for writing. `reader`: of open_state_reader.
[[nodiscard]] pawl::durability durability_of(const backend& reader);

}  // namespace pawl::core
