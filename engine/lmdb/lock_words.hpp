// The words in LMDB's lock file on which processes sleep that wait for its mutexes.
//
// LMDB's mutexes are robust: the kernel gives one whose owner dies to somebody who waits. But an owner that gives it back first
// takes its name out and then wakes who waits. If it is stopped or dies between the two, and a third process takes the
// mutex meanwhile, nobody wakes the one who waits: the kernel does so only where the mutex is free when the owner dies
// (Linux, handle_futex_death), and the third does not know of it. So fits what a run of tests met: one slept on, and went on
// when a debugger disturbed it. To wake somebody for nothing is allowed at any time: he looks, and says in the mutex that he
// waits.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

namespace pawl::core {

class lock_words {
public:
  lock_words() = default;
  // Of the state that this process has open; empty where the kernel does not tell what is mapped where. Opens nothing in the
  // state: closing it would drop LMDB's own locks.
  explicit lock_words(const std::filesystem::path& state);
  // Everybody who sleeps on them, in any process, looks again. Any thread; some system calls.
  void wake_all() const noexcept;
  [[nodiscard]] std::span<std::uint32_t> all() const noexcept { return words_; }

private:
  std::span<std::uint32_t> words_;
};

}  // namespace pawl::core
