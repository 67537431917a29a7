#include "run/checkpoint_log.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace pawl::core {
namespace {

constexpr std::chrono::milliseconds first_look{10};
constexpr std::chrono::milliseconds last_look{1000};

}  // namespace

checkpoint_log::checkpoint_log(backend& store, bool has_committer) : store_(store), has_committer_(has_committer) {
  if (has_committer) committer_ = std::thread([this] { loop(); });
}

checkpoint_log::~checkpoint_log() {
  if (!has_committer_) {
    while (commit_here(nullptr)) {
    }
    return;
  }
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  committer_.join();
}

lane& checkpoint_log::open_lane(acknowledgement_sink& sink, std::size_t window) {
  auto fresh = std::make_unique<attached>();
  fresh->bytes = std::make_unique<lane>(window, store_.large_threshold());
  fresh->sink = &sink;
  lane& opened = *fresh->bytes;
  const std::scoped_lock lock(mutex_);
  acknowledged_.reserve(window);
  lanes_.push_back(std::move(fresh));
  if (failure_) sink.log_failed();
  if (has_committer_) changed_.notify_one();  // it looks now and then from here on
  return opened;
}

void checkpoint_log::close_lane(lane& old) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(lanes_, [&](const auto& one) { return one->bytes.get() == &old; });
}

void checkpoint_log::ask() noexcept {
  if (!has_committer_) return;
  const std::scoped_lock lock(mutex_);
  if (std::exchange(asked_, true) || turn_taken_) return;
  changed_.notify_one();
}

bool checkpoint_log::commit_here(const acknowledgement_sink* mine) {
  std::unique_lock lock(mutex_);
  if (!has_committer_) changed_.wait(lock, [this] { return !turn_taken_; });
  if (failure_) return false;
  if (turn_taken_ || !tasks_.empty()) {
    if (anything_published()) asked_ = true;  // seen when the turn is given back
    return false;
  }
  turn_taken_ = true;
  const bool committed = commit_in_turn(lock, mine);
  give_back_turn();
  return committed;
}

void checkpoint_log::between_commits(const std::function<void()>& task) {
  std::unique_lock lock(mutex_);
  if (!has_committer_) {
    run_in_turn(lock, task);
    return;
  }
  if (failure_) std::rethrow_exception(failure_);
  tasks_.push_back(&task);
  changed_.notify_one();
  std::exception_ptr thrown;
  task_done_.wait(lock, [&] {
    const auto done = std::find_if(finished_tasks_.begin(), finished_tasks_.end(),
                                   [&](const auto& finished) { return finished.first == &task; });
    if (done == finished_tasks_.end()) return false;
    thrown = done->second;
    finished_tasks_.erase(done);
    return true;
  });
  if (thrown) std::rethrow_exception(thrown);
}

// Without a committer the caller takes the turn.
void checkpoint_log::run_in_turn(std::unique_lock<std::mutex>& lock, const std::function<void()>& task) {
  changed_.wait(lock, [this] { return !turn_taken_; });
  if (failure_) std::rethrow_exception(failure_);
  turn_taken_ = true;
  lock.unlock();
  std::exception_ptr thrown;
  try {
    task();
  } catch (...) {
    thrown = std::current_exception();
  }
  lock.lock();
  give_back_turn();
  if (thrown) std::rethrow_exception(thrown);
}

std::exception_ptr checkpoint_log::failure() const {
  const std::scoped_lock lock(mutex_);
  return failure_;
}

// The committer's thread.
void checkpoint_log::loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wait_for_work(lock);
    turn_taken_ = true;
    run_tasks(lock);
    if (!failure_ && (asked_ || ending_)) {
      const bool committed = commit_in_turn(lock, nullptr);
      if (ending_ && !committed && tasks_.empty()) return;
    } else {
      asked_ = false;
      if (ending_ && tasks_.empty()) return;
    }
    turn_taken_ = false;
  }
}

// A worker asks for its records before a call that it expects to be slow. One that is slow for once, or never ends, would
// keep those before it waiting: so while there are workers the committer looks now and then by itself, soon after there
// was something to do and ever more seldom where there is nothing.
void checkpoint_log::wait_for_work(std::unique_lock<std::mutex>& lock) {
  const auto has_work = [this] { return !turn_taken_ && (asked_ || !tasks_.empty() || ending_); };
  const auto may_sleep = [this] { return lanes_.empty(); };
  for (auto look_after = first_look;;) {
    if (may_sleep()) {
      changed_.wait(lock, [&] { return has_work() || !may_sleep(); });
    } else {
      changed_.wait_for(lock, look_after, has_work);
      look_after = std::min(2 * look_after, last_look);
      if (!turn_taken_ && !failure_ && anything_published()) asked_ = true;
    }
    if (has_work()) return;
  }
}

// Under the lock, by who holds the turn and is not the committer, whom somebody may have called meanwhile.
void checkpoint_log::give_back_turn() noexcept {
  turn_taken_ = false;
  if (!has_committer_) changed_.notify_all();
  else if (asked_ || !tasks_.empty() || ending_) changed_.notify_one();
}

void checkpoint_log::run_tasks(std::unique_lock<std::mutex>& lock) {
  while (!tasks_.empty()) {
    const std::function<void()>* task = tasks_.back();
    tasks_.pop_back();
    std::exception_ptr thrown = failure_;
    lock.unlock();
    if (!thrown) {
      try {
        (*task)();
      } catch (...) {
        thrown = std::current_exception();
      }
    }
    lock.lock();
    finished_tasks_.emplace_back(task, thrown);
    task_done_.notify_all();
  }
}

bool checkpoint_log::anything_published() const {
  return std::any_of(lanes_.begin(), lanes_.end(), [](const auto& one) { return one->bytes->has_published(); });
}

// Commits what is published now; false where nothing is. Called and returns under the lock, which is free while
// the backend works. What is asked for from here on is for the next commit.
bool checkpoint_log::commit_in_turn(std::unique_lock<std::mutex>& lock, const acknowledgement_sink* mine) {
  asked_ = false;
  try {
    groups_.clear();
    for (auto& one : lanes_) one->gathered = one->bytes->gather(groups_);
    if (groups_.empty()) return false;
    lock.unlock();
    store_.commit(groups_);
    lock.lock();
  } catch (...) {
    if (!lock.owns_lock()) lock.lock();
    fail(std::current_exception());
    return true;
  }
  acknowledge(mine);
  return true;
}

// A lane is closed only when all of it is acknowledged, and under the lock: so those gathered from are still here.
void checkpoint_log::acknowledge(const acknowledgement_sink* mine) {
  for (auto& one : lanes_) {
    acknowledged_.clear();
    one->bytes->acknowledge(one->gathered, acknowledged_);
    if (acknowledged_.empty()) continue;
    one->sink->acknowledged(acknowledged_, one->sink == mine);
  }
}

void checkpoint_log::fail(std::exception_ptr why) {
  failure_ = std::move(why);
  failed_.store(true, std::memory_order_release);
  for (auto& one : lanes_) one->sink->log_failed();
}

}  // namespace pawl::core
