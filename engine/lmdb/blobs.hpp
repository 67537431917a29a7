// Values above the large threshold: one file each in the state's blobs/, with zeros
// up to the end of its last block of 4,096 bytes.
//
// A file is written by the thread that has the value, past the kernel's cache, and
// flushed by another one; the commit that names it waits for that and flushes all
// names. It is removed once the commit that dropped its name is durable and no
// snapshot can see the name (durability rule 15).
// Names are epoch plus counter, so none is ever used twice; what a dead epoch
// left behind without a name in sub-database `files` belongs to nobody.
#pragma once

#include "file/file_system.hpp"
#include "lmdb/environment.hpp"
#include "lmdb/flush_ahead.hpp"
#include "store/large_memory.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace pawl::core {

struct large_object;

struct blob_name {
  std::uint64_t epoch = 0;
  std::uint64_t number = 0;
  friend bool operator==(const blob_name&, const blob_name&) = default;
};
[[nodiscard]] std::string file_name_of(blob_name name);
// Empty for names that file_name_of does not give.
[[nodiscard]] std::optional<blob_name> blob_of_file_name(std::string_view name);

class blob_store {
public:
  // `epoch`: of this opening; 0 where it only reads. `journaled`: records of dead epochs may come to name their files,
  // which were flushed before the records were. `flushes_ahead`: with a thread of its own, once there is what to flush.
  blob_store(std::filesystem::path directory, std::uint64_t epoch, file_system& files, bool journaled = false,
             bool flushes_ahead = true);

  // The value's file is flushed while others work. Any thread.
  [[nodiscard]] large_object store(std::uint64_t schema_hash, std::span<const std::byte> value);
  // The same for who is not in a hurry: only the file's name is left to be flushed.
  [[nodiscard]] large_object store_flushed(std::uint64_t schema_hash, std::span<const std::byte> value);
  // The value, checked. Throws pawl::error(damaged). Any thread.
  void read(blob_name name, std::uint64_t size, std::uint32_t crc, std::vector<std::byte>& into) const;

  // The rest: the committing thread.

  // Makes the files durable and returns the number of flushes. After a throw they are lost, and every later call throws.
  std::size_t make_durable(std::span<const blob_name> names);
  // The same for all that are stored. Any thread.
  std::size_t make_all_durable();
  // These are named by a durable commit from now on.
  void forget(std::span<const blob_name> names);
  // No row came to name these: a later checkpoint of the same batch, which is `commit`, replaced them. A reader who laid
  // the journal over an older snapshot may still want them.
  void discard(std::uint64_t commit, std::span<const blob_name> names);
  // To be removed once no snapshot is older than `commit`.
  void drop_after(std::uint64_t commit, blob_name name);
  // Removes what can be removed now. Failures are left to the next opening.
  void remove_dropped(const environment& env) noexcept;
  // The same, where this commit is the oldest that somebody sees. Throws pawl::error(io).
  void remove_dropped(std::uint64_t oldest);
  // What lies in the directory.
  [[nodiscard]] std::vector<blob_name> list() const;
  void remove(blob_name name) const { files_.remove(path_of(name)); }

private:
  struct dropped_file {
    std::uint64_t commit;
    blob_name name;
  };
  [[nodiscard]] std::filesystem::path path_of(blob_name name) const { return directory_ / file_name_of(name); }
  void check_stored(blob_name name);
  [[nodiscard]] large_object name_for(std::uint64_t schema_hash, std::span<const std::byte> value);
  void note_stored(const large_object& named);
  [[nodiscard]] std::unique_ptr<file> write_file(const large_object& named, std::span<const std::byte> value);
  void write_blocks(file& into, std::span<const std::byte> value);
  [[nodiscard]] large_memory take_staging();

  std::filesystem::path directory_;
  std::uint64_t epoch_;
  file_system& files_;
  bool journaled_;
  std::mutex mutex_;  // down to staging_
  std::vector<dropped_file> dropped_;
  std::unordered_set<std::uint64_t> unnamed_;  // stored, and named by no durable commit
  std::uint64_t next_ = 1;
  std::uint64_t stored_ = 0;                   // files, ever
  std::vector<large_memory> staging_;          // of a call that writes each
  std::mutex flushing_;                        // taken before mutex_: durable_, lost_
  std::uint64_t durable_ = 0;                  // of stored_
  bool lost_ = false;                          // a flush has failed
  flush_ahead ahead_;
};

}  // namespace pawl::core
