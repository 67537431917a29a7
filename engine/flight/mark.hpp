// A worker's mark: which call it is in. A few plain stores into a cache line of its own for each call, no system call,
// no lock and no fence; the file that the line lies in survives the process.
//
// What is stored of a call changes only while `call` is even, and every store is a release: so whoever reads `call`,
// the rest, and `call` again, and finds it odd and unchanged, has read what belongs together.
#pragma once

#include "flight/format.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include <pthread.h>
#include <signal.h>

namespace pawl::core {

class flight_recorder;

class flight_mark {
public:
  // Without a recorder, or where it has no slot left, everything goes into memory that nobody reads.
  flight_mark(flight_recorder* recorder, workflow_id workflow, revision_id revision, std::size_t worker);
  ~flight_mark();
  flight_mark(const flight_mark&) = delete;
  flight_mark& operator=(const flight_mark&) = delete;

  // Calls are made by the calling thread from now on.
  void take_thread() noexcept {
    if (!pthread_equal(thread_.load(std::memory_order_relaxed), ::pthread_self())) set_thread();
  }

  // A call begins of this item, or of so many of which it is the first. The key must stay until end().
  void begin(item_id item, std::uint16_t step, std::uint32_t generation, std::uint32_t attempt, const std::string& key,
             std::uint32_t entries = 1) noexcept {
    key_.store(&key, std::memory_order_relaxed);
    set(slot_->item, item);
    set(slot_->generation, generation);
    set(slot_->attempt, attempt);
    set(slot_->step, step);
    set(slot_->entries, entries);
    set(slot_->call, ++call_);
  }
  // When its function was called. A reader may see it late.
  void began(std::uint64_t now_ns) noexcept { set(slot_->began_ns, now_ns); }
  void end() noexcept { set(slot_->call, ++call_); }

  // Somebody has to be alone (flight/recorder.hpp).
  [[nodiscard]] bool someone_alone() const noexcept { return alone_->load(std::memory_order_relaxed) != 0; }
  [[nodiscard]] const flight_slot* slot() const noexcept { return slot_; }
  // To be that one: the recorder's turn, until it is ended here. Nothing happens without a recorder.
  void take_turn(const std::function<bool()>& enough);
  void end_turn() noexcept {
    if (turn_ != 0) [[unlikely]] give_turn_back();
  }

  // For the handler of a fatal signal, on any thread. Safe there.
  // The mark of the call that this thread is in, the innermost one; null where there is none.
  [[nodiscard]] static flight_mark* of_this_thread() noexcept;
  void note_fatal(fatal_note what) noexcept;
  // The signal in whose handler this thread is, because it came from elsewhere; 0 where it is in none: a handler has its
  // signal blocked, and here it was not when the thread began to make calls.
  [[nodiscard]] int interrupted_by() const noexcept;
  void clear_fatal() noexcept { set(slot_->fatal.cause, fatal_cause::none); }

private:
  template <class Number>
  static void set(Number& place, Number value) noexcept {
    std::atomic_ref<Number>(place).store(value, std::memory_order_release);
  }
  void set_thread() noexcept;
  void give_turn_back() noexcept;

  flight_slot* slot_;
  std::uint64_t call_ = 0;
  std::uint64_t turn_ = 0;  // 0: it has not
  const std::atomic<std::uint64_t>* alone_;
  std::atomic<const std::string*> key_{nullptr};
  std::atomic<pthread_t> thread_{};
  sigset_t blocked_{};  // by that thread
  flight_recorder* const recorder_;
  flight_slot nowhere_{};
};

}  // namespace pawl::core
