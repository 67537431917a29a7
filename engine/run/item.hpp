// An item in flight: what the engine holds of it between admission and its end.
//
// Life of an item here (engine/README.md draws it):
//
//   admitted -> ready -> running -> waiting for its checkpoint -> ready -> ... -> ended
//                 ^          |
//                 +- back-off, or a place at a step with a limit
//
// An item is in exactly one place at a time: one group, one ring, one timer, or
// a worker's hands; so it carries no lock.
//
// Thousands are in flight, more than the processor's caches hold, so what a step
// needs of an item lies together: one cache line of the item itself, and its
// values right behind it, in the same piece of memory.
#pragma once

#include "record/checkpoint.hpp"
#include "run/value_layout.hpp"

#include <pawl/report.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace pawl::core {

inline constexpr std::size_t cache_line = 64;

struct submission;
struct fan;
struct fan_out;

// What is known of deaths of processes in the item's calls (flight/).
enum class crash_history : std::uint8_t {
  none,
  counted,  // some count against it, and are forgotten when it gets on
  suspect,  // it is called alone, so that the next one tells
};

// How a child leaves its run, for its fan.
enum class child_exit : std::uint8_t {
  as_it_is,   // ended, or given up: the item's state says it
  recorded,   // to be taken up again when all its siblings are recorded
  uncounted,  // it is no child after all: its key came before, or cannot be had
};

struct alignas(cache_line) active_item {
  // What each step needs.
  void** values = nullptr;           // by value number; null where not alive
  std::byte* storage = nullptr;      // value_layout::size() bytes
  item_id id = 0;
  std::uint64_t bytes = 0;           // what it counts for in the window
  std::uint32_t sequence = 0;        // of the last checkpoint written
  std::uint32_t generation = 0;
  std::uint32_t attempts = 0;        // failed attempts of the step it stands at
  std::uint16_t step = 0;            // the step that comes next; steps.size() when all are completed
  bool ended = false;                // its last checkpoint is written; `state` says how it ended
  bool is_new = false;               // admitted by this run: snapshots may not show it yet
  bool claimed = false;              // where several processes share the state: for this one
  bool foreign = false;              // the same: left behind by another one, and not given by this run's source
  bool let_out = false;              // of a step's rate_gate, and not back yet
  bool started = false;              // at most once: the start of its next step is recorded
  bool backing_off = false;          // goes to the timers when its checkpoint is acknowledged
  bool released = false;             // a child whose fan has let it start
  child_exit exit = child_exit::as_it_is;
  crash_history crashes = crash_history::none;
  item_state state = item_state::pending;  // as recorded, or as the checkpoint under way will record it
  submission* submitted = nullptr;   // where somebody holds a handle of it (run/submission.hpp)

  // What admission, the end and failures need.
  alignas(cache_line) std::string key;  // typed (record/key.hpp); capacity is reused
  std::uint64_t key_hash = 0;        // for the table of keys in flight
  std::uint64_t input_digest = 0;    // of the input that it runs with; 0 where there is none
  std::uint64_t due_ns = 0;          // when the back-off is over, by the monotonic clock
  std::uint64_t ordinal = 0;         // its number in the source, from 1
  fan* child_of = nullptr;           // of a child (run/fan.hpp)
  std::shared_ptr<fan_out> fanned_out;  // while its children run, and until it goes on
};

// Items on their way from one place to another, or in a worker's hands.
using item_group = std::vector<active_item*>;

// The items of a run: a fixed number at most, made as they are first needed, reused for ever; those used last first,
// which are in the caches. Not thread-safe: whoever admits and retires holds a lock.
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
  [[nodiscard]] std::size_t in_use() const noexcept { return made_.size() - free_.size(); }

private:
  [[nodiscard]] active_item* make();

  const value_layout& layout_;
  const std::size_t limit_;
  const std::align_val_t align_;
  item_group made_;
  item_group free_;  // has room for all
};

// Destroys the value, if it is alive.
void destroy_value(const value_layout& layout, active_item& item, std::size_t value) noexcept;
void destroy_values(const value_layout& layout, active_item& item) noexcept;
// Where a value of that number may be constructed; it counts as alive once values[value] is set to it.
[[nodiscard]] inline void* place_of(const value_layout& layout, const active_item& item, std::size_t value) noexcept {
  return item.storage + layout.offset(value);
}

// An item will be needed soon: its own line, and those in which its values lie, where there are few of them.
inline void prefetch_item(const active_item* item) noexcept {
  __builtin_prefetch(item, 1);
  __builtin_prefetch(item + 1, 1);
  __builtin_prefetch(reinterpret_cast<const std::byte*>(item + 1) + cache_line, 1);
}

inline void prefetch_whole_item(const active_item* item) noexcept {
  prefetch_item(item);
  __builtin_prefetch(reinterpret_cast<const std::byte*>(item) + cache_line, 1);
}
// So many items ahead that is done.
inline constexpr std::size_t items_ahead = 8;

// The same for the value that its next step takes, and for the memory that this value begins by pointing at, as
// strings and vectors do. The item itself should be there already. A wrong guess costs nothing but the guess.
inline void prefetch_latest_value(const value_layout& layout, const active_item& item) noexcept {
  const void* value = item.values[layout.latest_after(item.step)];
  if (value == nullptr) return;
  std::uintptr_t first;
  static_assert(sizeof first <= alignof(std::max_align_t), "every place in an item's storage has room for that much");
  std::memcpy(&first, value, sizeof first);
  __builtin_prefetch(reinterpret_cast<const void*>(first));
}

}  // namespace pawl::core
