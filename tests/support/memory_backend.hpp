// A backend in memory, behind the same seam as LMDB's: rows and folding are the
// engine's own, only where they lie differs. Nothing survives the object.
//
// With hooks for tests of what stands above the seam: make a commit fail, hold
// it up, look at what it was given.
#pragma once

#include "store/backend.hpp"
#include "store/batch.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace pawl::test {

struct memory_hooks {
  // Called at the start of each commit with its number, from 1; may sleep, may throw to make it fail.
  std::function<void(std::uint64_t)> before_commit{};
  // Called with each whole checkpoint of a commit once it is "durable", in the order handed in.
  std::function<void(const core::checkpoint&)> committed{};
  // Called when all of a commit is durable, before that is said; may throw, as if the process had died just then.
  std::function<void(std::uint64_t)> after_commit{};
};

class memory_backend final : public core::backend {
public:
  explicit memory_backend(memory_hooks hooks = {}, std::size_t large_threshold = 256 * 1024);
  memory_backend(memory_hooks hooks, std::size_t large_threshold, std::size_t staying_threshold);
  ~memory_backend() override;

  core::workflow_record open_workflow(std::string_view name, const core::chain_revision& chain,
                                      std::span<const core::schema_record> schemas) override;
  void commit(std::span<const std::span<const std::byte>> groups) override;
  void remove(core::workflow_id workflow, std::span<const core::item_id> items, std::uint64_t oldest_done_us) override;
  core::large_object store_large(std::uint64_t schema_hash, std::span<const std::byte> value) override;
  [[nodiscard]] std::size_t large_threshold() const override { return large_threshold_; }
  [[nodiscard]] std::size_t staying_threshold() const override { return staying_threshold_; }
  [[nodiscard]] std::unique_ptr<core::snapshot> read() override;
  [[nodiscard]] std::array<std::byte, 16> uuid() const override;
  [[nodiscard]] core::backend_totals totals() const override;

  // The next process opens what is there.
  void reopen() { failed_ = false; }

  // Readings for tests. Any thread.
  [[nodiscard]] std::uint64_t commits() const;
  [[nodiscard]] std::size_t items() const;

private:
  friend class memory_snapshot;
  using bytes = std::shared_ptr<const std::vector<std::byte>>;
  struct version {
    std::uint64_t commit;  // seen by snapshots of this commit and later ones
    bytes row;             // null: removed
  };

  void fold_run(const core::batch& checkpoints, const core::batch::run& run);
  void store_row(core::item_address address, std::span<const std::byte> row);
  [[nodiscard]] bytes row_seen_at(const std::vector<version>& versions, std::uint64_t commit) const;

  memory_hooks hooks_;
  std::size_t large_threshold_;
  std::size_t staying_threshold_;
  mutable std::mutex mutex_;
  std::map<core::item_address, std::vector<version>> rows_;  // versions ascending
  std::map<std::pair<core::workflow_id, std::string>, core::item_id> index_;
  std::map<core::workflow_id, core::item_id> next_items_;
  std::vector<core::workflow_record> workflows_;
  std::unordered_map<std::uint64_t, std::string> schemas_;
  std::unordered_map<std::uint64_t, bytes> large_;
  std::uint64_t large_next_ = 1;
  std::multiset<std::uint64_t> snapshots_;  // commits that are still looked at
  std::uint64_t commit_ = 0;
  std::uint64_t bytes_ = 0;
  bool failed_ = false;
  core::batch batch_;
};

}  // namespace pawl::test
