// The backend of store/backend.hpp on LMDB.
#pragma once

#include "file/file_lock.hpp"
#include "lmdb/blobs.hpp"
#include "lmdb/catalogue.hpp"
#include "lmdb/folding.hpp"
#include "lmdb/lock_words.hpp"
#include "lmdb/open.hpp"
#include "store/backend.hpp"
#include "store/batch.hpp"

#include <pawl/error.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace pawl::core {

struct folded {
  std::uint64_t applied = 0;    // of the journal, all in front of this is in the rows now; recorded with it
  std::size_t checkpoints = 0;  // of the groups, and of what was held back before
};

class lmdb_backend final : public backend, public table_store, public claim_store {
public:
  // `epoch`: of this opening, made durable already. Removes what dead epochs left in blobs/.
  lmdb_backend(std::shared_ptr<environment> env, std::uint64_t epoch, const lmdb_options& options);
  ~lmdb_backend() override;

  workflow_record open_workflow(std::string_view name, const chain_revision& chain,
                                std::span<const schema_record> schemas) override;
  void commit(std::span<const std::span<const std::byte>> groups) override;
  // The same for groups that come out of a journal, from position `begin` of it to `end`, in order; all on the disk there.
  // `hold_back`: items that begin in these groups and do not end may wait for the next call, which gets the groups that
  // follow; these groups must then stay in place until it is over. No group at all folds what was held back, and
  // records `end`.
  folded fold(std::span<const std::span<const std::byte>> groups, std::uint64_t begin, std::uint64_t end, bool hold_back);
  // Records that there is nothing behind `end`.
  void mark_drained(std::uint64_t end);
  [[nodiscard]] journal_mark mark() const;
  // The files of all values stored until now are on the disk when it returns. For whoever records them elsewhere first.
  void sync_large();
  // Removes files of dead epochs that no row names. When all that they left in a journal is folded in.
  void collect_blobs();
  void remove(workflow_id workflow, std::span<const item_id> items, std::uint64_t oldest_done_us) override;
  large_object store_large(std::uint64_t schema_hash, std::span<const std::byte> value) override;
  [[nodiscard]] std::size_t large_threshold() const override { return large_threshold_; }
  [[nodiscard]] std::unique_ptr<snapshot> read() override;
  [[nodiscard]] std::array<std::byte, 16> uuid() const override { return env_->uuid(); }
  [[nodiscard]] std::array<std::byte, 16> salt() const override { return env_->salt(); }
  [[nodiscard]] backend_totals totals() const override;
  [[nodiscard]] table_store* tables() override { return this; }
  [[nodiscard]] claim_store* claims() override { return shared_ ? this : nullptr; }
  void claim(workflow_id workflow, std::span<claim_request> requests, std::span<const item_id> released) override;
  void release_all(workflow_id workflow) override;
  void begin_run() noexcept override;
  void end_run() noexcept override;
  void withdraw() noexcept override;
  [[nodiscard]] std::vector<departed_process> bury_dead(const std::function<bool(std::uint64_t)>& found) override;
  void wake_who_waits() noexcept override { lock_words_.wake_all(); }
  [[nodiscard]] std::uint64_t own_number() const noexcept override { return epoch_; }
  [[nodiscard]] bool is_there(std::uint64_t number) const override;
  void check_there() const override;
  void left_behind(workflow_id workflow, item_id from, std::size_t most, std::vector<item_id>& into) override;
  void unclaimed(workflow_id workflow, std::span<const item_id> items, std::vector<item_id>& into) override;
  [[nodiscard]] std::unique_ptr<table_snapshot> read_tables() override;
  table_id open_table(const table_schema& table) override;
  void commit_tables(const table_writes& writes, std::span<const std::span<const std::byte>> groups,
                     std::uint64_t behind) override;
  // fold() without holding back, and commit_tables() with `transaction`, in one transaction of LMDB unless the groups
  // are too much for one.
  folded fold_with(std::span<const std::span<const std::byte>> groups, std::uint64_t end,
                          const table_writes& writes, std::span<const std::span<const std::byte>> transaction);
  [[nodiscard]] std::uint64_t epoch() const noexcept { return epoch_; }
  [[nodiscard]] const std::shared_ptr<environment>& env() const noexcept { return env_; }

private:
  [[nodiscard]] bool keep_others_out(const std::function<bool()>& enough) override;
  void let_others_in() noexcept override;
  void check_usable() const;
  void leave() noexcept;
  void fail(std::string_view why) noexcept;
  void give_up_seat() noexcept;
  [[nodiscard]] std::uint64_t use_chain(write_transaction& txn, const workflow_record& workflow, bool& changed);
  // Writes what follows of the answer where it is the caller's; true where it is new.
  bool answer(write_transaction& txn, workflow_id workflow, claim_request& request, item_id& next, bool& changed);
  void fold_batch(const journal_mark* mark);
  void note(const folding_totals& totals, std::uint64_t bytes) noexcept;
  // Runs what writes. After a failure that leaves open what is on the disk, nothing more is written.
  template <class Action>
  auto guarded(Action&& action);

  std::shared_ptr<environment> env_;
  std::shared_ptr<blob_store> blobs_;
  const std::size_t large_threshold_;
  const std::uint64_t epoch_;
  const bool shared_;
  std::mutex writing_;  // LMDB has one writer; a second one in the same thread would wait for itself
  std::size_t runs_ = 0;         // under way, where others share the state; guarded by writing_
  const lock_words lock_words_;  // where others share the state
  std::optional<file_lock> turns_;  // of tables, among processes; made by the first turn
  std::optional<file_lock::held> turn_;
  std::vector<blob_name> unused_;  // of admissions that are somebody else's
  batch batch_;
  folding folding_;
  std::atomic<bool> failed_{false};
  std::string why_failed_;  // written once, before that
  std::atomic<std::uint64_t> commits_{0};
  std::atomic<std::uint64_t> flushes_{0};
  std::atomic<std::uint64_t> bytes_{0};
};

template <class Action>
auto lmdb_backend::guarded(Action&& action) {
  env_->check_process();  // before the lock: another thread of the parent may have held it at the fork
  const std::scoped_lock lock(writing_);
  check_usable();
  try {
    return action();
  } catch (const error& failure) {
    if (failure.code() != errc::disk_full) fail(failure.what());
    throw;
  } catch (...) {
    fail({});
    throw;
  }
}

// A state that is only looked at: everything that would change it throws pawl::error(bad_argument).
class lmdb_reader final : public backend, public table_store {
public:
  explicit lmdb_reader(std::shared_ptr<environment> env, file_system& files);

  workflow_record open_workflow(std::string_view name, const chain_revision& chain,
                                std::span<const schema_record> schemas) override;
  void commit(std::span<const std::span<const std::byte>> groups) override;
  void remove(workflow_id workflow, std::span<const item_id> items, std::uint64_t oldest_done_us) override;
  large_object store_large(std::uint64_t schema_hash, std::span<const std::byte> value) override;
  [[nodiscard]] std::size_t large_threshold() const override { return max_payload_size; }
  [[nodiscard]] std::unique_ptr<snapshot> read() override;
  [[nodiscard]] std::array<std::byte, 16> uuid() const override { return env_->uuid(); }
  [[nodiscard]] std::array<std::byte, 16> salt() const override { return env_->salt(); }
  [[nodiscard]] backend_totals totals() const override { return {}; }
  [[nodiscard]] table_store* tables() override { return this; }
  [[nodiscard]] std::unique_ptr<table_snapshot> read_tables() override;
  table_id open_table(const table_schema& table) override;
  void commit_tables(const table_writes& writes, std::span<const std::span<const std::byte>> groups,
                     std::uint64_t behind) override;
  [[nodiscard]] const std::shared_ptr<environment>& env() const noexcept { return env_; }
  [[nodiscard]] const std::shared_ptr<blob_store>& blobs() const noexcept { return blobs_; }

private:
  std::shared_ptr<environment> env_;
  std::shared_ptr<blob_store> blobs_;
};

// open_lmdb and open_lmdb_reader (open.hpp), for whoever builds on top of LMDB's own backends.
[[nodiscard]] std::unique_ptr<lmdb_backend> open_lmdb_to_write(const std::filesystem::path& state,
                                                               const lmdb_options& options);
[[nodiscard]] std::unique_ptr<lmdb_reader> open_lmdb_to_read(const std::filesystem::path& state,
                                                             std::vector<std::string>* warnings,
                                                             const page_checker& pages = {});

}  // namespace pawl::core
