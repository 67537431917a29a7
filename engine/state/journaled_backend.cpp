#include "state/journaled_backend.hpp"

#include <pawl/error.hpp>

namespace pawl::core {
namespace {

// Longer values are written to a file of their own by the worker's thread. Up to here they go through the journal, which
// is written over again and again: a result that is soon superseded then never takes fresh room on the disk.
constexpr std::size_t value_size_max_in_journal = std::size_t{2} << 20;

}  // namespace

journaled_backend::journaled_backend(std::unique_ptr<lmdb_backend> below, std::unique_ptr<journal> log, lsn applied,
                                     const applier_options& options, std::chrono::nanoseconds interval)
    : below_(std::move(below)),
      log_(std::move(log)),
      applier_(std::make_unique<applier>(*log_, *below_, applied, options)) {
  if (options.own_thread && log_->options().durability == durability::process)
    flusher_ = std::make_unique<flusher>(*log_, interval);
}

journaled_backend::~journaled_backend() {
  flusher_.reset();
  try {
    if (!log_->failed()) {
      applier_->drain();
      below_->collect_blobs();
    }
  } catch (...) {  // it stays in the journal, for the next opening
  }
  applier_.reset();
}

workflow_record journaled_backend::open_workflow(std::string_view name, const chain_revision& chain,
                                                 std::span<const schema_record> schemas) {
  return below_->open_workflow(name, chain, schemas);
}

void journaled_backend::commit(std::span<const std::span<const std::byte>> groups) {
  below_->sync_large();  // a record never names a file that a power cut can take
  log_->append(groups);
  std::uint64_t bytes = 0;
  for (const auto group : groups) bytes += group.size();
  commits_.fetch_add(1, std::memory_order_relaxed);
  bytes_.fetch_add(bytes, std::memory_order_relaxed);
  applier_->note_appended();
}

// Past the journal, straight into LMDB, together with what the journal has in front of it.
void journaled_backend::commit_tables(const table_writes& writes, std::span<const std::span<const std::byte>> groups,
                                      std::uint64_t behind) {
  begin_commit(writes, groups, behind);
  end_commit();
}

void journaled_backend::begin_commit(const table_writes& writes, std::span<const std::span<const std::byte>> groups,
                                     std::uint64_t behind) {
  applier_->begin_transaction(behind, writes, groups);
  committing_bytes_ = writes.bytes();
  for (const auto group : groups) committing_bytes_ += group.size();
}

void journaled_backend::end_commit() {
  applier_->end_transaction();
  commits_.fetch_add(1, std::memory_order_relaxed);
  flushes_of_tables_.fetch_add(2, std::memory_order_relaxed);
  bytes_.fetch_add(committing_bytes_, std::memory_order_relaxed);
}

std::size_t journaled_backend::large_threshold() const { return value_size_max_in_journal; }

backend_totals journaled_backend::totals() const {
  return {commits_.load(std::memory_order_relaxed),
          log_->flushes() + flushes_of_tables_.load(std::memory_order_relaxed), bytes_.load(std::memory_order_relaxed)};
}

}  // namespace pawl::core
