// The applier: folds the journal into LMDB, beside everything else.
//
// One thread. It takes what gathered in the journal when there is much of it, when
// room gets scarce, when somebody waits for it, or when nothing more comes. Large
// batches, because then most items begin and end within one, and what they had in
// between never touches LMDB; those that do not are held back for the next one, once. Between batches it makes segments ahead of need.
#pragma once

#include "journal/journal.hpp"
#include "lmdb/backend.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>

namespace pawl::core {

struct applier_options {
  std::uint64_t batch_bytes = std::uint64_t{24} << 20;    // of records that are folded at the same time
  std::uint64_t backlog_bytes = std::uint64_t{24} << 20;  // of journal: that much is worth a batch
  // Of records that are long on average, both of the above: of a larger batch less is not superseded within it, and has
  // to be moved to where it lies while it is of use. None of these is held back.
  std::uint64_t long_records_bytes = std::uint64_t{112} << 20;
  std::size_t long_record = std::size_t{64} << 10;
  std::chrono::milliseconds idle{100};                    // where nothing came for so long, all is folded in
  bool own_thread = true;                                 // else whoever appends or waits does it, and `idle` says nothing
};

class applier {
public:
  // Both must outlive it. `applied`: where the journal's reading begins.
  applier(journal& from, lmdb_backend& into, lsn applied, const applier_options& options);
  // Leaves in the journal what is not folded in.
  ~applier();
  applier(const applier&) = delete;
  applier& operator=(const applier&) = delete;

  // After each journal::append. Throws what made the applier give up.
  void note_appended();
  // Waits until everything up to `position` that is recorded is folded in. Throws what made the applier give up.
  void settle(lsn position);
  // The same is begun, with a transaction of tables in the LMDB transaction that takes in the last of it. One at a time;
  // what is given must stay until the end.
  void begin_transaction(lsn position, const table_writes& writes, std::span<const std::span<const std::byte>> groups);
  // It is on the disk when it returns. Throws as settle().
  void end_transaction();
  // Folds in everything and records that nothing is left. Nothing may be appended any more.
  void drain();
  [[nodiscard]] lsn applied() const noexcept { return applied_.load(std::memory_order_acquire); }

private:
  enum class task : std::uint8_t { end, prepare, fold, fold_ended };

  struct transaction {
    lsn behind;
    const table_writes* writes;
    std::span<const std::span<const std::byte>> groups;
    bool committed = false;
  };

  void work() noexcept;
  void work_here() noexcept;
  [[nodiscard]] task due_task(int& past_all) const;
  [[nodiscard]] task next_task();
  [[nodiscard]] transaction* transaction_at(lsn read);
  void sleep(std::unique_lock<std::mutex>& lock, lsn seen);
  void fold_some(bool hold_back);
  [[nodiscard]] bool is_much(std::uint64_t bytes_written) const noexcept;
  void give_up() noexcept;
  void wake() noexcept;
  void end() noexcept;

  journal& from_;
  lmdb_backend& into_;
  const applier_options options_;
  const std::uint64_t long_records_bytes_;  // at most what leaves the journal room for as much again

  mutable std::mutex mutex_;  // wanted_, ending_, failure_, transaction_
  std::condition_variable changed_;
  lsn wanted_ = 0;
  std::optional<transaction> transaction_;
  bool ending_ = false;
  std::exception_ptr failure_;

  std::atomic<lsn> applied_;
  std::atomic<std::uint64_t> taken_bytes_;  // of the journal's, when the last batch was read
  std::atomic<bool> long_records_{false};   // so were those of the last batch, on average
  std::atomic<bool> asleep_{false};         // until something is appended
  std::atomic<bool> failed_{false};

  // Whose work it is, the thread's.
  std::array<log_batch, 2> batches_;  // in turn: items of one may be held back while the other is folded
  std::size_t batch_turn_ = 0;
  lsn read_;               // up to here the journal was read
  lsn seen_ = ~lsn{0};     // what was recorded when it last looked, and since when it is that
  std::chrono::steady_clock::time_point seen_since_;
  std::mutex here_;        // without a thread: who does its work
  std::thread thread_;     // last: starts when the rest stands
};

}  // namespace pawl::core
