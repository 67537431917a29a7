// The state directory: what is in it, whether it may be used, how it is made.
//
// Nothing here opens LMDB. Creation is one rename, so a directory with the
// state's name either is a whole state or is not there (rule 6 of the LMDB rules).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace pawl::core {

enum class directory_content : std::uint8_t { missing, empty, state, foreign };

// Throws pawl::error(not_a_state) where the path is something other than a directory.
[[nodiscard]] directory_content content_of(const std::filesystem::path& state);

// Its place on this machine, without links and a trailing slash; where it is not there yet, below that of its parent. Throws pawl::error
// (not_a_state) where the parent is missing, (bad_argument) where the path is empty.
[[nodiscard]] std::filesystem::path settled_path(const std::filesystem::path& state);

struct file_system_verdict {
  bool refused = false;
  std::string sentence;  // empty: nothing to say
};
// What is known about file systems, by the magic number of statfs (rule 32).
[[nodiscard]] file_system_verdict verdict_on(long magic, const std::filesystem::path& path);
// The same for the file system that a directory lies on.
[[nodiscard]] file_system_verdict verdict_on_file_system_of(const std::filesystem::path& directory);

// Who else can change what is in the state, as a sentence; empty: nobody.
[[nodiscard]] std::string warning_of_permissions(const std::filesystem::path& state);

// Flushes the state's name and the names in it: a crash may have kept somebody from doing so. (Not the name of a state that is a
// mount point, or lies in a directory that the process may not read.)
void flush_names_of(const std::filesystem::path& state);

// Makes the directory whole: `fill` puts what belongs into it a temporary sibling of it. When this returns
// the state is there, made by us or, at the same moment, by another process; it survives power loss.
void make_state_directory(const std::filesystem::path& state,
                          const std::function<void(const std::filesystem::path&)>& fill);

// Checks that data.mdb is a plain file of LMDB 0.9, as long as its last page demands; lock.mdb, where it
// is there, a plain file; that neither has a second name, if it is written to. Throws pawl::error.
void check_data_file(const std::filesystem::path& state, bool to_write);

// An empty file, 0600, where there is none; with room for `size` bytes. Throws as open_plain does.
void prepare_file(const std::filesystem::path& path, std::uint64_t size);

}  // namespace pawl::core
