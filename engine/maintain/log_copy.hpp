// What the journal holds beyond a snapshot of LMDB, taken into memory: for whoever
// folds it into a copy.
//
// Only records that were there before the snapshot was taken. Whatever they follow from (a
// transaction that went past the journal, a child that ended) is then in the
// snapshot or among them, and nothing in the copy has happened before its cause.
#pragma once

#include "file/file_system.hpp"
#include "journal/format.hpp"
#include "lmdb/snapshot.hpp"

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

namespace pawl::core {

struct log_copy {
  std::vector<std::vector<std::uint64_t>> frames;  // whole records, aligned
  std::vector<std::size_t> sizes;                  // of each, bytes
  [[nodiscard]] std::vector<std::span<const std::byte>> groups() const;
  [[nodiscard]] std::uint64_t bytes() const noexcept;
};

// How far the journal had come: to be asked before the snapshot is taken.
[[nodiscard]] lsn end_of_log_now(file_system& files, const std::filesystem::path& directory, const state_uuid& uuid);

// Nothing where the owner wrote over something meanwhile: try again, with another snapshot. Throws pawl::error(damaged).
[[nodiscard]] std::optional<log_copy> copy_log(file_system& files, const std::filesystem::path& directory, const state_uuid& uuid,
                                               const journal_mark& mark, lsn end);

}  // namespace pawl::core
