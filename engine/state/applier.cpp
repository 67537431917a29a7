#include "state/applier.hpp"

#include <algorithm>
#include <utility>

namespace pawl::core {

applier::applier(journal& from, lmdb_backend& into, lsn applied, const applier_options& options)
    : from_(from),
      into_(into),
      options_(options),
      long_records_bytes_(std::min(options.long_records_bytes,
                                   std::max(options.backlog_bytes, from.options().size_max / 16 * 7))),
      applied_(applied),
      taken_bytes_(from.needs().bytes_written),
      read_(applied) {
  from_.on_starving([this] { wake(); });
  if (options_.own_thread) thread_ = std::thread([this] { work(); });
}

applier::~applier() { end(); }

void applier::end() noexcept {
  if (!thread_.joinable()) return;
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void applier::wake() noexcept {
  if (!options_.own_thread) {
    work_here();
    return;
  }
  { const std::scoped_lock lock(mutex_); }
  changed_.notify_all();
}

void applier::note_appended() {
  if (failed_.load(std::memory_order_acquire)) {
    const std::scoped_lock lock(mutex_);
    std::rethrow_exception(failure_);
  }
  const journal::need now = from_.needs();
  // Pairs with the fence in sleep(): either it sees what was appended, or this sees that it sleeps.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!asleep_.load(std::memory_order_relaxed) && !now.room && !now.segment && !is_much(now.bytes_written)) return;
  wake();
}

void applier::settle(lsn position) {
  const lsn target = std::min(position, from_.recorded());
  if (applied() >= target) return;
  std::unique_lock lock(mutex_);
  wanted_ = std::max(wanted_, target);
  if (!options_.own_thread) {
    lock.unlock();
    work_here();
    lock.lock();
  }
  changed_.notify_all();
  changed_.wait(lock, [&] { return failure_ || ending_ || applied() >= target; });
  if (failure_) std::rethrow_exception(failure_);
}

void applier::begin_transaction(lsn position, const table_writes& writes,
                                std::span<const std::span<const std::byte>> groups) {
  const std::scoped_lock lock(mutex_);
  transaction_ = transaction{std::min(position, from_.recorded()), &writes, groups};
  changed_.notify_all();
}

void applier::end_transaction() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return failure_ || transaction_->committed; });
  const bool committed = transaction_->committed;
  transaction_.reset();
  if (!committed) std::rethrow_exception(failure_);
}

// The transaction that waits, where everything in front of it has been read.
applier::transaction* applier::transaction_at(lsn read) {
  const std::scoped_lock lock(mutex_);
  return transaction_ && !transaction_->committed && read >= transaction_->behind ? &*transaction_ : nullptr;
}

void applier::drain() {
  settle(~lsn{0});
  end();  // a last commit of the thread's would say that something is left
  into_.mark_drained(applied());
}

void applier::work() noexcept {
  try {
    for (;;) switch (next_task()) {
        case task::end: return;
        case task::prepare: from_.prepare_segment(); break;
        case task::fold: fold_some(false); break;
        case task::fold_ended: fold_some(true); break;
      }
  } catch (...) {
    give_up();
  }
}

// Since the last batch was taken.
bool applier::is_much(std::uint64_t bytes_written) const noexcept {
  const std::uint64_t much =
      long_records_.load(std::memory_order_relaxed) ? long_records_bytes_ : options_.backlog_bytes;
  return bytes_written - taken_bytes_.load(std::memory_order_relaxed) >= much;
}

// What cannot wait; or all that somebody waits for. By whoever appends, or waits.
void applier::work_here() noexcept {
  const std::scoped_lock alone(here_);
  int past_all = 0;
  try {
    for (;;) switch (due_task(past_all)) {
        case task::end: return;
        case task::prepare: from_.prepare_segment(); break;
        case task::fold: fold_some(false); break;
        case task::fold_ended: fold_some(true); break;
      }
  } catch (...) {
    give_up();
  }
}

// `past_all`: folds that were asked for when all was folded in; two of them set the last segment free that can be.
applier::task applier::due_task(int& past_all) const {
  const std::scoped_lock lock(mutex_);
  if (failure_) return task::end;
  const journal::need needs = from_.needs();
  if (needs.segment) return task::prepare;
  if (wanted_ > applied()) return task::fold;
  if (needs.room && (from_.recorded() != applied() || past_all++ < 2)) return task::fold;
  return is_much(needs.bytes_written) && from_.recorded() != applied() ? task::fold_ended : task::end;
}

// Waits until there is something to do.
applier::task applier::next_task() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (ending_) return task::end;
    const journal::need needs = from_.needs();
    if (needs.segment) return task::prepare;
    const lsn recorded = from_.recorded();
    const auto now = std::chrono::steady_clock::now();
    if (std::exchange(seen_, recorded) != recorded) seen_since_ = now;
    const bool idle = now - seen_since_ >= options_.idle;
    const bool behind = recorded != applied();
    if (transaction_ && !transaction_->committed) return task::fold;
    if (wanted_ > applied() || needs.room || (behind && idle)) return task::fold;
    if (behind && is_much(needs.bytes_written)) return task::fold_ended;
    sleep(lock, recorded);
  }
}

void applier::sleep(std::unique_lock<std::mutex>& lock, lsn seen) {
  if (seen != applied()) {
    changed_.wait_until(lock, seen_since_ + options_.idle);
    return;
  }
  asleep_.store(true, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (from_.recorded() == seen && !from_.needs().room) changed_.wait(lock);
  asleep_.store(false, std::memory_order_relaxed);
}

void applier::fold_some(bool hold_back) {
  // LMDB must never be ahead of what is on the disk of the journal.
  if (from_.options().durability == durability::process) from_.flush();
  taken_bytes_.store(from_.needs().bytes_written, std::memory_order_relaxed);
  const lsn before = applied();
  const lsn begin = read_;
  const bool long_records = long_records_.load(std::memory_order_relaxed);
  const std::uint64_t batch_bytes = long_records ? long_records_bytes_ : options_.batch_bytes;
  log_batch& now = batches_[batch_turn_];
  batch_turn_ = (batch_turn_ + 1) % batches_.size();
  const bool any = from_.read(now, batch_bytes);
  if (any) read_ = now.end;
  // Where there is nothing to fold and no room either, one more commit past it sets the oldest segments free.
  const auto groups = any ? std::span<const std::span<const std::byte>>(now.groups)
                          : std::span<const std::span<const std::byte>>{};
  transaction* const with = transaction_at(read_);
  const folded done = with != nullptr ? into_.fold_with(groups, read_, *with->writes, with->groups)
                                      : into_.fold(groups, begin, read_, hold_back && !long_records && now.bytes >= batch_bytes);
  const lsn after = done.applied;
  if (with == nullptr && done.checkpoints != 0)
    long_records_.store(now.bytes / done.checkpoints >= options_.long_record, std::memory_order_relaxed);
  if (long_records && after == read_ && done.checkpoints != 0) {
    // A commit costs nothing beside such a batch, and sets all of it free at once.
    into_.fold({}, after, after, false);
    for (log_batch& one : batches_) one.held.clear();
    from_.release(after);
  } else {
    from_.release(before);
  }
  const std::scoped_lock lock(mutex_);
  if (with != nullptr) with->committed = true;
  applied_.store(after, std::memory_order_release);
  changed_.notify_all();
}

void applier::give_up() noexcept {
  const std::scoped_lock lock(mutex_);
  failure_ = std::current_exception();
  failed_.store(true, std::memory_order_release);
  from_.give_up_room(failure_);
  changed_.notify_all();
}

}  // namespace pawl::core
