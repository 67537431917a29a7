// The slots of a state directory: which loop each belongs to, and which are free.
//
// A loop claims its slots by its identity and has them alone until it gives them
// back: kept, for whoever goes on with the loop, or released, to be written over by
// another one (blocks that exist are written several times as fast as new ones).
// What is free is removed when the store is closed; what is kept stays until an
// item's end, or its next run, makes it useless: nothing is removed on suspicion.
//
// Several processes that share a state share the directory. Whose an item is decides whose the slots of its loops are: so
// what is kept is not kept by a process, and whoever claims a loop looks for its slots among all that lie there and are not in
// his own use, and gives them names of his own. What is free is its process's. Names are numbers that begin with the
// process's, so nobody makes one twice, and it is known whose a dead one's are.
//
// Knows no steps, no values and no LMDB. Files go through the seam.
#pragma once

#include "file/file_system.hpp"
#include "slots/format.hpp"

#include <pawl/encoder.hpp>
#include <pawl/options.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace pawl::core {

class slot_store;

// One file. `header`: of the checkpoint in it; nothing while it is free or being written.
struct slot {
  std::filesystem::path path;
  std::unique_ptr<file> open;
  std::uint64_t size = 0;        // of the file
  bool is_new = false;           // its name may not be on the disk yet
  std::optional<slot_header> header{};
};

// The slots of one loop, claimed. Given back as kept when it is destroyed, unless it was released. One thread at a time.
class loop_slots {
public:
  loop_slots(loop_slots&& other) noexcept
      : owner_(std::exchange(other.owner_, nullptr)),
        identity_(other.identity_),
        slots_(std::move(other.slots_)),
        latest_(other.latest_) {}
  loop_slots& operator=(loop_slots&& other) noexcept {
    std::swap(owner_, other.owner_);
    std::swap(identity_, other.identity_);
    std::swap(slots_, other.slots_);
    std::swap(latest_, other.latest_);
    return *this;
  }
  ~loop_slots();

  // The latest checkpoint whose bytes are whole, written for this version and schema; null where there is none.
  // Reads and checks all of it, and makes it durable. `problems` gets a sentence for each that should be there and is
  // not whole. Throws pawl::error(io) where it cannot be flushed.
  [[nodiscard]] const slot_header* find(std::uint32_t version, std::uint64_t schema_hash, std::span<std::byte> buffer,
                                        std::vector<std::string>& problems);
  // The state that find() gave: it lies in memory while `read` is called.
  void read(const std::function<void(decoder&)>& read_state) const;

  // Writes a checkpoint over the older one, what `encode` puts into the encoder, and makes it as durable as the store
  // is. `what`: the header; identity, uuid, size and checksums are filled in. `buffer`: a multiple of 4 KiB.
  // Throws what `encode` throws, and pawl::error(disk_full, io); the one before is as it was then.
  struct written {
    std::uint64_t size;
    bool fresh;  // (some of) its blocks were new
  };
  written write(slot_header what, std::span<std::byte> buffer, const std::function<void(encoder&)>& encode);

  // The loop is over: free for others.
  void release() noexcept;

private:
  friend slot_store;
  loop_slots(slot_store& owner, const loop_identity& identity, std::vector<slot> slots)
      : owner_(&owner), identity_(identity), slots_(std::move(slots)) {}
  [[nodiscard]] bool is_whole(slot& one, std::span<std::byte> buffer, std::vector<std::string>& problems) const;
  void make_durable(slot& one) const;
  void drop(std::size_t place) noexcept;

  slot_store* owner_;                      // null once it was moved from or released
  loop_identity identity_;
  std::vector<slot> slots_;                // two at most
  std::optional<std::size_t> latest_;      // among them, found or written
};

class slot_store {
public:
  // `made`: the directory is there. Takes in what lies in it; `warnings` gets a sentence for each file that cannot be
  // read, which is then left alone. `shared_as`: where others share the state, a number that is this process's alone, below
  // 2^40; nothing is taken in then. `files` must outlive the store.
  slot_store(file_system& files, std::filesystem::path directory, const std::array<std::byte, 16>& uuid,
             durability durable, bool made, std::vector<std::string>& warnings, std::uint64_t shared_as = 0);
  // Removes what is free. In the child of a fork: nothing.
  ~slot_store();
  slot_store(const slot_store&) = delete;
  slot_store& operator=(const slot_store&) = delete;

  // Any thread. The slots that were kept for this loop, if any; nobody else may have them claimed. Throws pawl::error(io)
  // where others share the state and it cannot be found out.
  [[nodiscard]] loop_slots claim(const loop_identity& identity);
  // Of the kept slots of a workflow, releases those that `needed` says no to. Not while that workflow runs.
  void release_unless(workflow_id workflow, const std::function<bool(const slot_header&)>& needed);
  // Of the slots of a process that shared the state and has died, removes those of the workflow that `needed` says no to,
  // and those without a checkpoint. Before anybody can claim a loop that it had.
  void remove_unless(std::uint64_t dead, workflow_id workflow, const std::function<bool(const slot_header&)>& needed) noexcept;

  [[nodiscard]] durability durable() const noexcept { return durable_; }
  // For whoever looks at it: how many are kept, and how many free.
  [[nodiscard]] std::size_t kept() const;
  [[nodiscard]] std::size_t free() const;

private:
  friend loop_slots;
  void take_in(const std::string& name, std::vector<std::string>& warnings);
  [[nodiscard]] slot open_slot(const std::filesystem::path& path);
  [[nodiscard]] bool is_in(const std::filesystem::path& directory, const std::filesystem::path& name);
  void find_kept(const loop_identity& identity, std::vector<slot>& into);
  void make_directory();
  [[nodiscard]] slot take_free();
  void forget(const std::filesystem::path& path) noexcept;
  void keep(const loop_identity& identity, std::vector<slot> slots) noexcept;
  void give_back(std::vector<slot> slots) noexcept;

  file_system& files_;
  const std::filesystem::path directory_;
  const std::array<std::byte, 16> uuid_;
  const durability durable_;
  const std::uint64_t process_;  // file/fork.hpp
  const bool shared_;
  mutable std::mutex mutex_;
  bool made_;
  std::uint64_t next_ = 1;
  std::map<loop_identity, std::vector<slot>> kept_;
  std::vector<slot> free_;
  std::set<std::filesystem::path> in_use_;  // where others share the state: claimed here, or free
};

}  // namespace pawl::core
