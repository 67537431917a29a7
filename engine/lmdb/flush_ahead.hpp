// Flushing files before anybody waits for it.
//
// A flush takes as long as writing a megabyte, and a commit may have dozens of
// files to flush. A thread of its own, started with the first of them, flushes
// them as they come; whoever needs them on the disk lends a hand and waits for
// what is left.
#pragma once

#include "file/file_system.hpp"

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

namespace pawl::core {

class flush_ahead {
public:
  // Without a thread of its own, whoever waits flushes.
  explicit flush_ahead(bool own_thread);
  // Leaves unflushed what nobody waited for.
  ~flush_ahead();
  flush_ahead(const flush_ahead&) = delete;
  flush_ahead& operator=(const flush_ahead&) = delete;

  // All: any thread.

  // A file that is written to its end; it is closed when it is flushed. Numbers ascend, nearly. Where many wait already,
  // the call flushes it itself, and throws what that throws.
  void add(std::uint64_t number, std::unique_ptr<file> written);
  // All that were added before are on the disk when it returns. Throws what the first flush that failed threw; then, and
  // ever after, nobody knows what is on the disk.
  void wait();
  // This one need not be flushed any more; it is closed when the call returns.
  void drop(std::uint64_t number) noexcept;

private:
  using lock_type = std::unique_lock<std::mutex>;
  void start() noexcept;
  void work() noexcept;
  void flush_one(lock_type& lock) noexcept;
  void wait_for_others(lock_type& lock);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, std::unique_ptr<file>> waiting_;
  std::set<std::uint64_t> running_;  // flushes, by number as they began
  std::uint64_t begun_ = 0;
  std::exception_ptr failure_;
  bool ending_ = false;
  const std::uint64_t process_;
  const bool own_thread_;
  std::thread thread_;
};

}  // namespace pawl::core
