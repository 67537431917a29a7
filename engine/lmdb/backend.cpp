#include "lmdb/backend.hpp"

#include "lmdb/catalogue.hpp"
#include "lmdb/members.hpp"
#include "lmdb/snapshot.hpp"
#include "lmdb/tables.hpp"

#include <pawl/error.hpp>

#include <exception>
#include <string>
#include <utility>

namespace pawl::core {
namespace {

constexpr std::size_t flushes_of_a_commit = 2;

[[noreturn]] void throw_only_reads(const environment& env) {
  throw error(errc::bad_argument,
              "lmdb: " + env.state().string() + " was opened for reading; open it for writing to change it");
}

}  // namespace

lmdb_backend::lmdb_backend(std::shared_ptr<environment> env, std::uint64_t epoch, const lmdb_options& options)
    : env_(std::move(env)),
      blobs_(std::make_shared<blob_store>(env_->state() / "blobs", epoch, *options.files,
                                          options.kept == keeping::journaled, options.own_thread)),
      large_threshold_(options.large_threshold),
      epoch_(epoch),
      shared_(options.kept == keeping::shared),
      lock_words_(shared_ ? lock_words(env_->state()) : lock_words()),
      folding_(*env_, *blobs_, epoch, shared_, options.dirty_pages_max, options.large_threshold) {
  if (options.kept != keeping::journaled) collect_blobs();
}

lmdb_backend::~lmdb_backend() {
  if (!env_->is_own_process()) return;
  if (shared_) leave();
  blobs_->remove_dropped(*env_);
}

// Files of dead epochs that no row names: their record never came, or their removal did not. One that was there before we
// looked who is there is of somebody who is, or of a dead epoch.
void lmdb_backend::collect_blobs() {
  auto names = blobs_->list();
  if (names.empty() || env_->oldest_reader() != no_reader) return;  // somebody may still see an old name
  const read_transaction txn(*env_);
  if (shared_ && read_members(txn).size() > 1) return;
  std::vector<blob_name> unnamed;
  for (const blob_name name : names)
    if (!txn.get(env_->in().files, file_key(name.epoch, name.number))) unnamed.push_back(name);
  // A name that is damaged stands for no file, and its file has no name: then nothing is removed on suspicion.
  MDB_stat named{};
  env_->check(::mdb_stat(txn.handle(), env_->in().files, &named), "read");
  if (named.ms_entries != names.size() - unnamed.size()) return;
  for (const blob_name name : unnamed) blobs_->remove(name);
}

void lmdb_backend::check_usable() const {
  env_->check_process();
  if (failed_.load(std::memory_order_acquire))
    throw error(errc::stopped, "lmdb: " + env_->state().string() + " has failed before" +
                                   (why_failed_.empty() ? "" : " (" + why_failed_ + ")") +
                                   " and takes nothing more; close the engine and open it again");
}

workflow_record lmdb_backend::open_workflow(std::string_view name, const chain_revision& chain,
                                            std::span<const schema_record> schemas) {
  std::uint64_t other = 0;
  workflow_record recorded = guarded([&] {
    write_transaction txn(*env_);
    folding_.check_writer(txn);
    bool changed = false;
    workflow_record workflow = record_workflow(txn, name, chain, schemas, changed);
    if (shared_) other = use_chain(txn, workflow, changed);
    if (!changed || other != 0) return workflow;
    txn.commit("record a workflow");
    commits_.fetch_add(1, std::memory_order_relaxed);
    flushes_.fetch_add(flushes_of_a_commit, std::memory_order_relaxed);
    return workflow;
  });
  if (other != 0)
    throw error(errc::state_in_use, "lmdb: process " + std::to_string(other) + ", which shares " + env_->state().string() +
                                        ", runs workflow '" + std::string(name) +
                                        "' with another chain (its steps, their versions or result types differ); run the "
                                        "same program in all of them, or wait until that process has ended");
  return recorded;
}

void lmdb_backend::commit(std::span<const std::span<const std::byte>> groups) {
  guarded([&] {
    batch_.gather(groups);
    if (batch_.size() != 0) fold_batch(nullptr);
  });
}

// A damaged row or index entry ends this call and nothing else: its transaction has changed nothing.
void lmdb_backend::remove(workflow_id workflow, std::span<const item_id> items, std::uint64_t oldest_done_us) {
  std::exception_ptr damage;
  guarded([&] {
    folding_totals totals;
    try {
      std::size_t place = 0;
      do place = folding_.remove_some(workflow, items, place, oldest_done_us, totals);
      while (place < items.size());
    } catch (const error& failure) {
      if (failure.code() != errc::damaged) throw;
      damage = std::current_exception();
    }
    note(totals, 0);
  });
  if (damage) std::rethrow_exception(damage);
}

folded lmdb_backend::fold(std::span<const std::span<const std::byte>> groups, std::uint64_t begin, std::uint64_t end,
                          bool hold_back) {
  return guarded([&] {
    batch_.gather(groups);
    const std::size_t count = batch_.size();
    const bool held = hold_back && batch_.set_unfinished_aside();
    const journal_mark mark{held ? begin : end, end, false};
    fold_batch(&mark);
    return folded{mark.applied, count};
  });
}

void lmdb_backend::mark_drained(std::uint64_t end) {
  guarded([&] {
    batch_.gather({});
    const journal_mark mark{end, end, true};
    fold_batch(&mark);
  });
}

void lmdb_backend::fold_batch(const journal_mark* mark) {
  folding_totals totals;
  std::size_t place = 0;
  do place = folding_.fold_some(batch_, place, mark, totals);
  while (place < batch_.size());
  note(totals, batch_.bytes());
}

void lmdb_backend::note(const folding_totals& totals, std::uint64_t bytes) noexcept {
  commits_.fetch_add(totals.commits, std::memory_order_relaxed);
  flushes_.fetch_add(totals.flushes, std::memory_order_relaxed);
  bytes_.fetch_add(bytes, std::memory_order_relaxed);
}

journal_mark lmdb_backend::mark() const {
  env_->check_process();
  return read_mark(read_transaction(*env_));
}

void lmdb_backend::sync_large() {
  env_->check_process();
  check_usable();
  flushes_.fetch_add(blobs_->make_all_durable(), std::memory_order_relaxed);
}

large_object lmdb_backend::store_large(std::uint64_t schema_hash, std::span<const std::byte> value) {
  check_usable();
  if (value.size() > max_payload_size)
    throw error(errc::too_large, "lmdb: a value of " + std::to_string(value.size()) +
                                     " bytes exceeds 1 GiB; keep it in a file of your own and record its name");
  return blobs_->store(schema_hash, value);
}

std::unique_ptr<snapshot> lmdb_backend::read() { return std::make_unique<lmdb_snapshot>(env_, blobs_); }

std::unique_ptr<table_snapshot> lmdb_backend::read_tables() { return std::make_unique<lmdb_table_snapshot>(env_); }

table_id lmdb_backend::open_table(const table_schema& table) {
  // Nearly always it is there, and a transaction that writes would wait for the applier's.
  for (const table_record& one : read_table_records(read_transaction(*env_))) {
    if (one.name != table.name) continue;
    check_table(one, table);
    return one.id;
  }
  return guarded([&] {
    write_transaction txn(*env_);
    folding_.check_writer(txn);
    bool changed = false;
    const table_id id = record_table(txn, table, changed);
    if (!changed) return id;
    txn.commit("record a table");
    commits_.fetch_add(1, std::memory_order_relaxed);
    flushes_.fetch_add(flushes_of_a_commit, std::memory_order_relaxed);
    return id;
  });
}

void lmdb_backend::commit_tables(const table_writes& writes, std::span<const std::span<const std::byte>> groups,
                                 std::uint64_t) {
  guarded([&] {
    batch_.gather(groups);
    folding_totals totals;
    folding_.fold_with(batch_, 0, writes, nullptr, totals);
    note(totals, batch_.bytes() + writes.bytes());
  });
}

folded lmdb_backend::fold_with(std::span<const std::span<const std::byte>> groups, std::uint64_t end,
                               const table_writes& writes, std::span<const std::span<const std::byte>> transaction) {
  return guarded([&] {
    const journal_mark mark{end, end, false};
    batch_.gather(groups);
    std::size_t first = 0;
    if (folding::fits(batch_)) {
      first = batch_.size();
      batch_.add(transaction);
    } else {
      fold_batch(&mark);
      batch_.gather(transaction);
    }
    folding_totals totals;
    folding_.fold_with(batch_, first, writes, &mark, totals);
    note(totals, batch_.bytes() + writes.bytes());
    return folded{end, batch_.size()};
  });
}

backend_totals lmdb_backend::totals() const {
  return {commits_.load(std::memory_order_relaxed), flushes_.load(std::memory_order_relaxed),
          bytes_.load(std::memory_order_relaxed)};
}

lmdb_reader::lmdb_reader(std::shared_ptr<environment> env, file_system& files)
    : env_(std::move(env)), blobs_(std::make_shared<blob_store>(env_->state() / "blobs", 0, files)) {}

workflow_record lmdb_reader::open_workflow(std::string_view, const chain_revision&, std::span<const schema_record>) {
  throw_only_reads(*env_);
}
void lmdb_reader::commit(std::span<const std::span<const std::byte>>) { throw_only_reads(*env_); }
void lmdb_reader::remove(workflow_id, std::span<const item_id>, std::uint64_t) { throw_only_reads(*env_); }
large_object lmdb_reader::store_large(std::uint64_t, std::span<const std::byte>) { throw_only_reads(*env_); }

table_id lmdb_reader::open_table(const table_schema&) { throw_only_reads(*env_); }
void lmdb_reader::commit_tables(const table_writes&, std::span<const std::span<const std::byte>>, std::uint64_t) {
  throw_only_reads(*env_);
}
std::unique_ptr<table_snapshot> lmdb_reader::read_tables() { return std::make_unique<lmdb_table_snapshot>(env_); }

std::unique_ptr<snapshot> lmdb_reader::read() { return std::make_unique<lmdb_snapshot>(env_, blobs_); }

}  // namespace pawl::core
