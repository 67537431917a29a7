// A lane: the checkpoints of one worker on their way to the backend.
//
// One thread writes (the worker), one thread reads (the committer); nothing is
// locked per checkpoint. The worker encodes a record straight into the lane's
// memory and publishes it with one store; the committer gathers what is
// published, hands it to the backend, and acknowledges a position. Beside the
// bytes run the items that wait: each is pushed with the position that it waits
// for, before that position is published, so none is left behind. They are
// handed back as an array of pointers: to acknowledge an item is not to touch it.
//
// "The committer" is whoever holds the turn to commit (run/checkpoint_log.hpp),
// one thread at a time.
//
// An item changes workers only when all its records are acknowledged. The committer gathers one lane after the
// other, so of two records of one item in two lanes the later one could be committed first.
//
// A position counts the bytes of all records ever written into the lane.
// This part knows nothing of steps, backends or threads' life.
#pragma once

#include "record/checkpoint.hpp"
#include "store/large_memory.hpp"

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

// Items that a commit has acknowledged, oldest first.
struct acknowledged_items {
  std::vector<active_item*> again;  // they had begun
  std::vector<active_item*> fresh;  // they waited for their admission

  [[nodiscard]] bool empty() const noexcept { return again.empty() && fresh.empty(); }
  void reserve(std::size_t count) {
    again.reserve(count);
    fresh.reserve(count);
  }
  void clear() noexcept {
    again.clear();
    fresh.clear();
  }
};

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
  // by acknowledge once the record is durable; `fresh`: among those that waited for their admission.
  void finish(active_item* waiting, bool fresh = false);
  // The payload of the open record is a large_object.
  void mark_large() noexcept;
  // Bytes written and not acknowledged yet.
  [[nodiscard]] std::uint64_t pending() const noexcept {
    return written_ - acknowledged_.load(std::memory_order_acquire);
  }
  [[nodiscard]] lane_position written() const noexcept { return written_; }
  [[nodiscard]] lane_position acknowledged() const noexcept { return acknowledged_.load(std::memory_order_acquire); }

  // ---- the committer's side ----

  // Adds what is published and not yet gathered to `groups`; returns the position that they reach.
  lane_position gather(std::vector<std::span<const std::byte>>& groups);
  // Everything gathered up to `position` is durable: its memory is reused, and the items that waited for it are
  // added to `items`, which must have room.
  void acknowledge(lane_position position, acknowledged_items& items);
  // Any thread: is there something to gather?
  [[nodiscard]] bool has_published() const noexcept {
    return published_.load(std::memory_order_acquire) != gathered_.load(std::memory_order_relaxed);
  }

private:
  struct chunk {
    explicit chunk(std::size_t size) : memory(size), bytes(memory.data()), capacity(size) {}
    large_memory memory;
    std::byte* bytes;
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

  // Positions are multiples of 8, which leaves a bit for whether the item is fresh.
  struct waiter {
    lane_position position_and_fresh;
    active_item* item;
  };

  [[nodiscard]] chunk* fresh_chunk(std::size_t size);
  void recycle(chunk* old) noexcept;
  void move_record_to_fresh_chunk(std::size_t payload_size);
  void place_writer(std::size_t at) noexcept;
  void spill(std::size_t more);
  // The longest payload that lies in the lane: a value of large_threshold bytes behind its schema hash.
  [[nodiscard]] std::size_t payload_limit() const noexcept { return large_threshold_ + sizeof(std::uint64_t); }

  const std::size_t large_threshold_;
  const std::size_t own_chunk_size_;  // of a chunk that holds the longest record

  // worker
  chunk* tail_;
  std::size_t record_at_ = 0;       // where the open record begins in tail_
  std::size_t payload_at_ = 0;      // where its payload begins in tail_
  writer writer_;
  std::vector<std::byte> spill_;
  lane_position written_ = 0;
  std::size_t waiter_at_ = 0;       // where the next one goes in waiters_

  // shared
  std::atomic<lane_position> published_{0};
  std::atomic<lane_position> gathered_{0};
  std::atomic<lane_position> acknowledged_{0};
  const std::size_t window_;
  const std::unique_ptr<waiter[]> waiters_;  // a ring of window_
  std::atomic<std::uint64_t> waiters_pushed_{0};
  std::uint64_t waiters_popped_ = 0;  // committer's, as is the place of the oldest in waiters_:
  std::size_t waiter_oldest_ = 0;

  // committer
  chunk* head_;
  std::mutex free_mutex_;           // taken once per chunk, not per record
  std::vector<std::unique_ptr<chunk>> free_;
  std::size_t free_bytes_ = 0;
};

}  // namespace pawl::core
