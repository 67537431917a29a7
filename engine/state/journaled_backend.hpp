// A state as the engine writes it: a journal in front of LMDB, behind the seam of
// store/backend.hpp.
//
// commit() appends to the journal; snapshots show LMDB, into which the applier
// folds. What lies between the two is what seen(), recorded() and settle() speak of.
#pragma once

#include "state/applier.hpp"
#include "state/flusher.hpp"

#include <chrono>
#include <memory>

namespace pawl::core {

class journaled_backend final : public backend, public table_store {
public:
  // `applied`: what the journal was opened behind. `interval`: of flushes, in `process` durability.
  journaled_backend(std::unique_ptr<lmdb_backend> below, std::unique_ptr<journal> log, lsn applied,
                    const applier_options& options, std::chrono::nanoseconds interval);
  // Folds everything in, where nothing has failed. Not for the child of a fork, which has none of the threads.
  ~journaled_backend() override;

  workflow_record open_workflow(std::string_view name, const chain_revision& chain,
                                std::span<const schema_record> schemas) override;
  void commit(std::span<const std::span<const std::byte>> groups) override;
  // Past the journal, which has nothing of them any more.
  void remove(workflow_id workflow, std::span<const item_id> items, std::uint64_t oldest_done_us) override {
    below_->remove(workflow, items, oldest_done_us);
  }
  [[nodiscard]] log_position recorded() const override { return log_->recorded(); }
  void settle(log_position position) override { applier_->settle(position); }
  void flush() override { log_->flush(); }
  [[nodiscard]] table_store* tables() override { return this; }
  [[nodiscard]] std::unique_ptr<table_snapshot> read_tables() override { return below_->read_tables(); }
  table_id open_table(const table_schema& table) override { return below_->open_table(table); }
  void commit_tables(const table_writes& writes, std::span<const std::span<const std::byte>> groups,
                     std::uint64_t behind) override;
  void begin_commit(const table_writes& writes, std::span<const std::span<const std::byte>> groups,
                    std::uint64_t behind) override;
  void end_commit() override;
  large_object store_large(std::uint64_t schema_hash, std::span<const std::byte> value) override {
    return below_->store_large(schema_hash, value);
  }
  [[nodiscard]] std::size_t large_threshold() const override;
  [[nodiscard]] std::size_t staying_threshold() const override { return below_->large_threshold(); }
  [[nodiscard]] std::unique_ptr<snapshot> read() override { return below_->read(); }
  [[nodiscard]] std::array<std::byte, 16> uuid() const override { return below_->uuid(); }
  [[nodiscard]] std::array<std::byte, 16> salt() const override { return below_->salt(); }
  [[nodiscard]] backend_totals totals() const override;

private:
  const std::unique_ptr<lmdb_backend> below_;
  const std::unique_ptr<journal> log_;
  std::unique_ptr<applier> applier_;
  std::unique_ptr<flusher> flusher_;  // in `process` durability
  std::atomic<std::uint64_t> commits_{0};
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> flushes_of_tables_{0};
  std::uint64_t committing_bytes_ = 0;  // of the transaction under way
};

}  // namespace pawl::core
