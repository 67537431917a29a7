// A submission: what stands behind a handle, between whoever submitted an item
// and the session that takes it through its steps.
//
// Its life: taken from the pool, an input constructed in it; published in the
// session's queue; its input moved into an item; when the item ends, the result
// moved back; resolved, which tells those who wait; given back to the pool when
// nobody holds it any more. Nothing is allocated for an item once the pool has
// been as large as it gets.
#pragma once

#include "run/item.hpp"
#include "store/backend.hpp"

#include <pawl/detail/erased.hpp>
#include <pawl/handle.hpp>
#include <pawl/options.hpp>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace pawl::core {

class run_state;
class submission_pool;

// The way from a handle to the state, closed with the engine.
class state_door {
public:
  explicit state_door(backend& store) : store_(&store) {}
  void close() noexcept {
    const std::scoped_lock lock(mutex_);
    store_ = nullptr;
  }
  // As core::read_result; throws pawl::error(stopped) where the engine is closed.
  [[nodiscard]] bool read_result(const detail::chain& chain, const std::string& typed_key, void* storage);

private:
  std::mutex mutex_;
  backend* store_;
};

struct submission {
  explicit submission(std::byte* memory) : storage(memory) {}

  // Of whoever took it from the pool, until it is published; constant then.
  std::shared_ptr<submission_pool> pool;  // while it is out of it
  std::byte* const storage;               // for one input or one result
  std::string key;                        // typed; capacity is reused
  std::uint64_t key_hash = 0;
  item_id id = 0;                         // of an item of the state that goes on without an input

  // Of the session, until it resolves; constant then.
  const detail::value_type* input = nullptr;   // of the value in `storage`; null: none, or another one
  const detail::value_type* result = nullptr;  // the same
  item_state outcome = item_state::pending;
  bool result_is_stored = false;               // it was done before: its result lies in the state
  std::string reason;
  submission* next = nullptr;                  // in a list

  std::atomic<std::uint32_t> holders{0};
  std::atomic<item_state> seen{item_state::pending};  // what handles tell
  std::atomic<bool> cancelled{false};
  std::atomic<bool> resolved{false};                  // set under the lock

  std::mutex mutex;  // below, and for reading a stored result
  std::condition_variable changed;
  std::function<void(const detail::submission_ref&)> callback;
  std::vector<std::function<void(const detail::submission_ref&)>> more_callbacks;
};

// Submissions one after the other, through `next`.
struct submission_list {
  submission* first = nullptr;
  submission* last = nullptr;

  void push(submission* one) noexcept {
    one->next = nullptr;
    (first == nullptr ? first : last->next) = one;
    last = one;
  }
};

// The submissions of one chain. Shared by its session and by those that are out. Any thread.
class submission_pool : public std::enable_shared_from_this<submission_pool> {
public:
  submission_pool(std::shared_ptr<const detail::chain> chain, std::shared_ptr<state_door> door,
                  pawl::durability durability);
  ~submission_pool();
  submission_pool(const submission_pool&) = delete;
  submission_pool& operator=(const submission_pool&) = delete;

  // With one hold, which is the caller's.
  [[nodiscard]] submission* take();
  [[nodiscard]] const detail::chain& chain() const noexcept { return *chain_; }
  [[nodiscard]] pawl::durability durability() const noexcept { return durability_; }
  [[nodiscard]] state_door& door() const noexcept { return *door_; }

private:
  friend void release(submission* held) noexcept;
  [[nodiscard]] submission* make();
  void give_back(submission* one) noexcept;

  const std::shared_ptr<const detail::chain> chain_;
  const std::shared_ptr<state_door> door_;
  const pawl::durability durability_;
  const std::size_t size_;
  const std::align_val_t align_;
  std::mutex mutex_;
  std::vector<submission*> made_;
  std::vector<submission*> free_;  // has room for all
};

void hold(submission* one) noexcept;
void release(submission* held) noexcept;

// The item has ended or was given up: what its handle will tell, and its result, which is moved out of the item.
void keep_end(const run_state& run, active_item& item) noexcept;
// How it ended, where no item tells. The reason is told before the item is given up.
// The same of an item, to whomever it concerns beside the run: its submission, the fan that it is a child of.
void note_outcome(active_item& item, item_state outcome, std::string_view reason) noexcept;
void note_outcome(submission& one, item_state outcome, std::string_view reason) noexcept;
// Tells those who wait, and gives up one hold. What a callback threw, the first of it.
[[nodiscard]] std::exception_ptr resolve(submission* held) noexcept;

}  // namespace pawl::core
