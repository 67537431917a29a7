#include "run/checkpoint_log.hpp"

#include <algorithm>

namespace pawl::core {

checkpoint_log::checkpoint_log(backend& store) : store_(store), committer_([this] { loop(); }) {}

checkpoint_log::~checkpoint_log() {
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
  lanes_.push_back(std::move(fresh));
  if (failure_) sink.log_failed();
  return opened;
}

void checkpoint_log::close_lane(lane& old) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(lanes_, [&](const auto& one) { return one->bytes.get() == &old; });
}

void checkpoint_log::wake() noexcept {
  { const std::scoped_lock lock(mutex_); }
  changed_.notify_one();
}

void checkpoint_log::between_commits(const std::function<void()>& task) {
  std::unique_lock lock(mutex_);
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

std::exception_ptr checkpoint_log::failure() const {
  const std::scoped_lock lock(mutex_);
  return failure_;
}

void checkpoint_log::loop() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      run_tasks(lock);
      if (ending_ && (failure_ || !anything_published())) return;
    }
    if (failed() || !commit_once()) sleep_until_published();
  }
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

bool checkpoint_log::anything_published() {
  return std::any_of(lanes_.begin(), lanes_.end(), [](const auto& one) { return one->bytes->has_published(); });
}

void checkpoint_log::sleep_until_published() {
  std::unique_lock lock(mutex_);
  asleep_.store(true, std::memory_order_relaxed);
  // Pairs with the fence in published(): either it sees asleep_, or this sees what it published.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  changed_.wait(lock, [&] {
    if (ending_ || !tasks_.empty()) return true;
    return !failure_ && anything_published();
  });
  asleep_.store(false, std::memory_order_relaxed);
}

// Commits what is published now, if anything is.
bool checkpoint_log::commit_once() {
  groups_.clear();
  try {
    {
      const std::scoped_lock lock(mutex_);
      for (auto& one : lanes_) one->gathered = one->bytes->gather(groups_);
    }
    if (groups_.empty()) return false;
    store_.commit(groups_);
  } catch (...) {
    const std::scoped_lock lock(mutex_);
    failure_ = std::current_exception();
    failed_.store(true, std::memory_order_release);
    for (auto& one : lanes_) one->sink->log_failed();
    return true;
  }
  // A lane is closed only when all of it is acknowledged, so the ones gathered from are still here.
  const std::scoped_lock lock(mutex_);
  for (auto& one : lanes_) {
    active_item* first = nullptr;
    active_item* last = nullptr;
    std::size_t count = 0;
    one->bytes->acknowledge(one->gathered, first, last, count);
    if (count != 0) one->sink->acknowledged(first, last, count);
  }
  return true;
}

}  // namespace pawl::core
