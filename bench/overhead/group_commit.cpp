#include "overhead/group_commit.hpp"

#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace bench {
namespace {

class group_commit {
public:
  group_commit(group_store& into, std::size_t threads) : into_(into) {
    gathering_.reserve(threads);
    writing_.reserve(threads);
    writer_ = std::thread([this] { loop(); });
  }
  ~group_commit() {
    {
      const std::scoped_lock lock(mutex_);
      ending_ = true;
    }
    gathered_.notify_one();
    writer_.join();
  }
  group_commit(const group_commit&) = delete;
  group_commit& operator=(const group_commit&) = delete;

  // Blocks until `what` is durable. Throws what the store has thrown.
  void write(const record& what) {
    std::uint32_t group = 0;
    bool first = false;
    {
      const std::scoped_lock lock(mutex_);
      group = group_;
      first = gathering_.empty();
      gathering_.push_back(what);
    }
    if (first) gathered_.notify_one();
    // A futex on the number of the last durable group: one call wakes all whose group it was.
    for (std::uint32_t durable = durable_.load(std::memory_order_acquire); durable - group > half;
         durable = durable_.load(std::memory_order_acquire))
      durable_.wait(durable, std::memory_order_acquire);
    if (failed_.load(std::memory_order_acquire)) std::rethrow_exception(failure_);
  }

  [[nodiscard]] std::uint64_t groups() const noexcept { return groups_; }

private:
  // The numbers of groups may wrap: the distance between two tells which comes first.
  static constexpr std::uint32_t half = 1u << 31;
  static constexpr std::size_t patience = 3;  // measured: 0 makes groups of 37, 1 to 3 of about 55, by 64 threads

  void loop() {
    for (;;) {
      std::uint32_t group = 0;
      {
        std::unique_lock lock(mutex_);
        gathered_.wait(lock, [this] { return ending_ || !gathering_.empty(); });
        if (gathering_.empty()) return;
        let_others_come(lock);
        writing_.swap(gathering_);
        group = group_++;
      }
      if (!failure_) write_group();
      writing_.clear();
      durable_.store(group, std::memory_order_release);
      durable_.notify_all();
    }
  }

  // Those just woken are about to hand over their next step: a flush for all of them is cheaper than two
  // for half each. Waits while threads keep coming, and for no time when none does.
  void let_others_come(std::unique_lock<std::mutex>& lock) {
    for (std::size_t idle = 0; idle < patience && gathering_.size() < gathering_.capacity();) {
      const std::size_t before = gathering_.size();
      lock.unlock();
      std::this_thread::yield();
      lock.lock();
      idle = gathering_.size() > before ? 0 : idle + 1;
    }
  }

  void write_group() {
    try {
      into_.write(writing_);
      ++groups_;
    } catch (...) {
      failure_ = std::current_exception();
      failed_.store(true, std::memory_order_release);
    }
  }

  group_store& into_;
  std::mutex mutex_;
  std::condition_variable gathered_;
  std::vector<record> gathering_;
  std::uint32_t group_ = 1;  // of what is gathering
  bool ending_ = false;
  std::atomic<std::uint32_t> durable_{0};
  std::atomic<bool> failed_{false};

  // Of the writer; others look when it has ended, or nothing is under way.
  std::vector<record> writing_;
  std::uint64_t groups_ = 0;
  std::exception_ptr failure_;  // others read it behind failed_
  std::thread writer_;
};

class member final : public step_writer {
public:
  explicit member(group_commit& log) : log_(log) {}
  void write(const record& what) override { log_.write(what); }

private:
  group_commit& log_;
};

}  // namespace

measurement measure_group_commit(const workload& work, group_store& into) {
  group_commit log(into, work.in_flight);
  measurement found = run_blocking_threads(work, [&] { return std::make_unique<member>(log); });
  found.flushes = log.groups();
  found.hash = into.hash();
  return found;
}

}  // namespace bench
