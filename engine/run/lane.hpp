// A lane: the checkpoints of one worker on their way to the backend.
//
// One thread writes (the worker), one thread reads (the committer); nothing is
// locked per checkpoint. The worker encodes a record straight into the lane's
// memory and publishes it with one store; the committer gathers what is
// published, hands it to the backend, and acknowledges a position. Beside the
// bytes run the items that wait: each is pushed with the position that it waits
// for, before that position is published, so none is left behind.
//
// An item changes workers only when all its records are acknowledged. The committer gathers one lane after the
// other, so of two records of one item in two lanes the later one could be committed first.
//
// A position counts the bytes of all records ever written into the lane.
// This part knows nothing of steps, backends or threads' life.
#pragma once

#include "record/checkpoint.hpp"

#include <pawl/encoder.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

namespace pawl::core {

struct active_item;

using lane_position = std::uint64_t;

class lane {
public:
  // `window`: how many items can wait at most (a power of two is not required).
  // Values that encode to more than `large_threshold` bytes are spilled (see record_writer).
  lane(std::size_t window, std::size_t large_threshold);
  ~lane();
  lane(const lane&) = delete;
  lane& operator=(const lane&) = delete;

  // ---- the worker's side ----

  // Starts a record; only one at a time. Write the payload through payload(), then finish or cancel.
  void begin(const checkpoint_header& header, std::string_view text);
  [[nodiscard]] encoder& payload() noexcept { return writer_; }
  // The payload written so far: in the lane, or spilled where it outgrew the threshold.
  [[nodiscard]] std::span<const std::byte> payload_bytes() const noexcept;
  [[nodiscard]] bool spilled() const noexcept { return writer_.spilled; }
  // Puts `bytes` in place of the payload written so far (a large_object for a spilled value).
  void replace_payload(std::span<const std::byte> bytes);
  void cancel() noexcept;
  // Completes the record (sizes are filled in) and publishes it. `waiting`, if any, is handed back
  // by take_acknowledged once the record is durable.
  void finish(active_item* waiting);
  // Flags may still change while the record is open (large).
  [[nodiscard]] checkpoint_header& header() noexcept;
  // Bytes written and not acknowledged yet.
  [[nodiscard]] std::uint64_t pending() const noexcept {
    return written_ - acknowledged_.load(std::memory_order_acquire);
  }
  [[nodiscard]] lane_position written() const noexcept { return written_; }

  // ---- the committer's side ----

  // Adds what is published and not yet gathered to `groups`; returns the position that they reach.
  lane_position gather(std::vector<std::span<const std::byte>>& groups);
  // Everything gathered up to `position` is durable: its memory is reused and the items that waited
  // for it are linked in front of `list` (through active_item::next, oldest first).
  void acknowledge(lane_position position, active_item*& first, active_item*& last, std::size_t& count);
  // Any thread: is there something to gather?
  [[nodiscard]] bool has_published() const noexcept {
    return published_.load(std::memory_order_acquire) != gathered_.load(std::memory_order_relaxed);
  }

private:
  struct chunk {
    explicit chunk(std::size_t size) : bytes(new std::byte[size]), capacity(size) {}
    std::unique_ptr<std::byte[]> bytes;
    std::size_t capacity;
    std::size_t gathered = 0;              // committer's
    std::atomic<std::size_t> published{0};
    std::atomic<chunk*> next{nullptr};
  };

  struct writer final : encoder {
    explicit writer(lane& of) : owner(of) {}
    void make_room(std::size_t size) override;
    void place(std::byte* cursor, std::byte* end) noexcept {
      cursor_ = cursor;
      end_ = end;
    }
    [[nodiscard]] std::byte* cursor() const noexcept { return cursor_; }
    lane& owner;
    bool spilled = false;
  };

  struct waiter {
    lane_position position;
    active_item* item;
  };

  [[nodiscard]] chunk* fresh_chunk();
  void recycle(chunk* old) noexcept;
  void move_record_to_fresh_chunk();
  void place_writer(std::size_t at) noexcept;
  void spill(std::size_t more);
  // The longest payload that lies in the lane: a value of large_threshold bytes behind its schema hash.
  [[nodiscard]] std::size_t payload_limit() const noexcept { return large_threshold_ + sizeof(std::uint64_t); }

  const std::size_t large_threshold_;
  const std::size_t chunk_size_;

  // worker
  chunk* tail_;
  std::size_t record_at_ = 0;       // where the open record begins in tail_
  std::size_t payload_at_ = 0;      // where its payload begins in tail_
  writer writer_;
  std::vector<std::byte> spill_;
  lane_position written_ = 0;

  // shared
  std::atomic<lane_position> published_{0};
  std::atomic<lane_position> gathered_{0};
  std::atomic<lane_position> acknowledged_{0};
  std::vector<waiter> waiters_;     // a ring
  std::atomic<std::uint64_t> waiters_pushed_{0};
  std::uint64_t waiters_popped_ = 0;  // committer's

  // committer
  chunk* head_;
  std::mutex free_mutex_;           // taken once per chunk, not per record
  std::vector<std::unique_ptr<chunk>> free_;
};

}  // namespace pawl::core
