// An item in flight: what the engine holds of it between admission and its end.
//
// Life of an item here (engine/README.md draws it):
//
//   admitted -> ready -> running -> waiting for its checkpoint -> ready -> ... -> ended
//                 ^          |
//                 +- back-off, or a place at a step with a concurrency limit
//
// An item is in exactly one place at a time: one list, one lane's ring, one
// timer, or a worker's hands; so it carries no lock.
#pragma once

#include "record/checkpoint.hpp"
#include "run/value_layout.hpp"

#include <pawl/report.hpp>

#include <cstdint>
#include <memory>
#include <new>
#include <string>

namespace pawl::core {

struct active_item {
  active_item* next = nullptr;       // in the list that it is in

  std::string key;                   // typed (record/key.hpp); capacity is reused
  std::uint64_t key_hash = 0;        // for the table of keys in flight
  item_id id = 0;
  std::uint32_t generation = 0;
  std::uint64_t input_digest = 0;    // of the input that it runs with; 0 where there is none
  std::uint32_t sequence = 0;        // of the last checkpoint written
  std::uint32_t attempts = 0;        // failed attempts of the step it stands at
  std::uint16_t step = 0;            // the step that comes next; steps.size() when all are completed
  bool ended = false;                // its last checkpoint is written; `state` says how it ended
  bool just_admitted = false;        // waits for its admission: fresh, not acknowledged work, when that is durable
  bool backing_off = false;          // goes to the timers when its checkpoint is acknowledged
  item_state state = item_state::pending;  // as recorded, or as the checkpoint under way will record it
  std::uint64_t due_ns = 0;          // when the back-off is over, by the monotonic clock
  std::uint64_t bytes = 0;           // what it counts for in the window
  std::uint64_t ordinal = 0;         // its number in the source, from 1

  void** values = nullptr;           // by value number; null where not alive. Points into `block`
  std::byte* storage = nullptr;      // value_layout::size() bytes
};

// The items of a run: a fixed number at most, made as they are first needed, reused for ever.
// Not thread-safe: whoever admits and retires holds a lock.
class item_pool {
public:
  item_pool(const value_layout& layout, std::size_t limit);
  ~item_pool();
  item_pool(const item_pool&) = delete;
  item_pool& operator=(const item_pool&) = delete;

  // Null where all are in use.
  [[nodiscard]] active_item* take();
  // All values must have been destroyed.
  void give_back(active_item* item) noexcept;
  [[nodiscard]] std::size_t in_use() const noexcept { return in_use_; }

private:
  struct block_deleter {
    std::align_val_t align;
    void operator()(std::byte* bytes) const noexcept { ::operator delete(bytes, align); }
  };
  struct made {
    active_item item;
    std::unique_ptr<std::byte, block_deleter> block;
  };

  const value_layout& layout_;
  const std::size_t limit_;
  std::vector<std::unique_ptr<made>> made_;
  active_item* free_ = nullptr;
  std::size_t in_use_ = 0;
};

// Destroys the value, if it is alive.
void destroy_value(const value_layout& layout, active_item& item, std::size_t value) noexcept;
void destroy_values(const value_layout& layout, active_item& item) noexcept;
// Where a value of that number may be constructed; it counts as alive once values[value] is set to it.
[[nodiscard]] inline void* place_of(const value_layout& layout, const active_item& item, std::size_t value) noexcept {
  return item.storage + layout.offset(value);
}

}  // namespace pawl::core
