// What is known of items in whose calls processes died: how often that counted against them, and who is suspected.
//
// A few hundred entries at most, for an item that completes the step it died in, or a round's checkpoint behind it, is
// forgotten here. The file, flight/counts, is written whole under another name and renamed, after each change; every
// change is rare. An item is known by the digest of its key: its id may have been lost with its admission.
//
// Several processes that share a state share this file. Whoever changes something has a lock among them meanwhile, and begins
// with what the others made of it.
//
//   u64 magic, 16 bytes uuid, u32 entries, u32 CRC32C of the entries; then crash_entry, 64 bytes each
#pragma once

#include "file/file_lock.hpp"
#include "file/file_system.hpp"
#include "flight/format.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pawl::core {

struct crash_entry {
  std::uint64_t key_digest;   // of the typed key; 0: of calls of step `step` for several items
  std::uint64_t record;       // the number of the flight record that changed it last
  std::uint64_t address;      // as in fatal_note, of the last death that counted
  std::uint32_t signal;
  std::int32_t code;
  fatal_cause cause;
  std::uint32_t generation;
  std::uint32_t crashes;      // that count against it
  std::uint32_t entries;      // of the call for several
  workflow_id workflow;
  std::uint16_t step;         // the furthest in which a process died
  std::uint16_t last_step;    // the one in which the last one died
  std::uint8_t suspect;       // 1: it is called alone
  std::uint8_t reserved[9];
};
static_assert(sizeof(crash_entry) == 64 && std::is_trivially_copyable_v<crash_entry>);

class crash_counts {
public:
  // Reads what is there; what cannot be used is told in `warnings` and made anew. `shared`: with other processes.
  crash_counts(file_system& files, std::filesystem::path directory, const hash_key& uuid, bool shared,
               std::vector<std::string>& warnings);

  // Whoever changes or writes something has the turn from before until after that; nobody else in any process has it
  // then. Throws pawl::error(io), also where another process has it for so long.
  class turn {
    friend class crash_counts;
    std::unique_lock<std::mutex> within_;
    std::optional<file_lock::held> among_;
  };
  [[nodiscard]] turn take_turn(std::chrono::milliseconds within);
  // Takes in what other processes have written, so far as that is not known yet. Throws pawl::error: io.
  void refresh();

  // Any thread.
  [[nodiscard]] bool any() const noexcept { return size_.load(std::memory_order_relaxed) != 0; }
  [[nodiscard]] std::optional<crash_entry> find(workflow_id workflow, std::uint64_t key_digest) const;
  // Of the calls of a step for several items.
  [[nodiscard]] std::optional<crash_entry> find_batch(workflow_id workflow, std::uint16_t step) const;
  // Of such calls of any step.
  [[nodiscard]] bool any_batch(workflow_id workflow) const;
  // The entry of the same item, or step, in place of the one that is there. Not on the disk before write().
  void set(const crash_entry& entry);
  // False where there was none.
  bool forget(workflow_id workflow, std::uint64_t key_digest);
  bool forget_batch(workflow_id workflow, std::uint16_t step);
  bool forget_if(workflow_id workflow, std::uint32_t crashes_at_least);
  // Throws pawl::error: io, disk_full.
  void write();
  // Above every record that an entry tells of.
  [[nodiscard]] std::uint64_t last_record() const;

private:
  template <class Which>
  bool forget_those(const Which& which);
  void read(std::vector<std::string>* warnings);
  [[nodiscard]] std::vector<crash_entry> read_entries(std::vector<std::string>* warnings, std::uint64_t& version);

  file_system& files_;
  const std::filesystem::path directory_;
  const hash_key uuid_;
  const std::optional<file_lock> among_;  // nothing where no other process is there
  std::mutex changing_;                   // before mutex_
  std::uint64_t version_ = 0;             // of the file that entries_ come from, guarded by changing_
  mutable std::mutex mutex_;
  std::vector<crash_entry> entries_;
  std::atomic<std::size_t> size_{0};
};

}  // namespace pawl::core
