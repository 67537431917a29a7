#include "lmdb/flush_ahead.hpp"

#include "file/fork.hpp"

#include <system_error>
#include <utility>

namespace pawl::core {
namespace {

constexpr std::size_t waiting_max = 64;  // open files

}  // namespace

flush_ahead::flush_ahead(bool own_thread) : process_(process_generation()), own_thread_(own_thread) {}

flush_ahead::~flush_ahead() {
  if (!thread_.joinable()) return;
  if (process_ != process_generation()) {  // the child of a fork does not have the thread
    thread_.detach();
    return;
  }
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void flush_ahead::add(std::uint64_t number, std::unique_ptr<file> written) {
  {
    const std::scoped_lock lock(mutex_);
    if (waiting_.size() < waiting_max) {
      waiting_.emplace(number, std::move(written));
      start();
    }
  }
  if (written) written->sync();
  else changed_.notify_all();
}

// Under the lock. Without a thread, whoever waits flushes them all.
void flush_ahead::start() noexcept {
  if (!own_thread_ || thread_.joinable()) return;
  try {
    thread_ = std::thread([this] { work(); });
  } catch (const std::system_error&) {
  }
}

void flush_ahead::wait() {
  lock_type lock(mutex_);
  const std::uint64_t newest = waiting_.empty() ? 0 : waiting_.rbegin()->first;
  while (!waiting_.empty() && waiting_.begin()->first <= newest && !failure_) flush_one(lock);
  wait_for_others(lock);
  if (failure_) std::rethrow_exception(failure_);
}

void flush_ahead::drop(std::uint64_t number) noexcept {
  lock_type lock(mutex_);
  if (waiting_.erase(number) == 0) wait_for_others(lock);
}

void flush_ahead::work() noexcept {
  lock_type lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return ending_ || (!waiting_.empty() && !failure_); });
    if (ending_) return;
    flush_one(lock);
  }
}

// The oldest. The lock is open meanwhile.
void flush_ahead::flush_one(lock_type& lock) noexcept {
  auto taken = waiting_.extract(waiting_.begin());
  const std::uint64_t turn = *running_.insert(running_.end(), ++begun_);
  lock.unlock();
  std::exception_ptr thrown;
  try {
    taken.mapped()->sync();
  } catch (...) {
    thrown = std::current_exception();
  }
  taken.mapped().reset();
  lock.lock();
  running_.erase(turn);
  if (thrown && !failure_) failure_ = thrown;
  changed_.notify_all();
}

void flush_ahead::wait_for_others(lock_type& lock) {
  changed_.wait(lock, [&, begun = begun_] { return running_.empty() || *running_.begin() > begun; });
}

}  // namespace pawl::core
