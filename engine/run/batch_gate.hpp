// Where items wait at a batch step until there are enough of them for a call.
//
// A batch is due when it is full, when its oldest entry has waited for the step's
// max_delay, or when nothing else can arrive before that; the last is for the
// workers to find out, who know what is in flight (worker::call_incomplete_batch).
// The gate also keeps the limit on calls at the same time.
//
// Items on a retry go into batches of their own: one that has made a call fail is
// not to do so again for items that have nothing to do with it.
#pragma once

#include "run/item.hpp"
#include "run/item_ring.hpp"

#include <pawl/detail/erased.hpp>

#include <array>
#include <cstdint>
#include <mutex>

namespace pawl::core {

class batch_gate {
public:
  // `calls`: at the same time; 0: no limit. `window`: how many items there are at most.
  batch_gate(const detail::batch_rule& rule, std::uint32_t calls, std::size_t window);

  // The item waits here from now on, and is not to be touched any more. Its records must be acknowledged.
  // Returns when it is due where nobody else of its kind waits, and so nobody may keep that time yet; else never.
  std::uint64_t enter(active_item* item, std::uint64_t now_ns);
  // Adds the entries of a batch to `into` where one is due and may be called: then leave() must follow. Oldest first.
  [[nodiscard]] bool take(std::uint64_t now_ns, item_group& into);
  // The same for a batch that is not due.
  [[nodiscard]] bool take_incomplete(item_group& into);
  // A call ended.
  void leave();
  // When there is a batch to be taken, as things stand; 0 where one is full, `never` where none waits or may be called.
  [[nodiscard]] std::uint64_t due_ns();
  // Items that wait.
  [[nodiscard]] std::size_t waiting();
  // All that wait go to the end of `into`: the run is stopping.
  void drain(item_group& into);

private:
  [[nodiscard]] std::uint64_t due_of(const item_ring& ring) const noexcept;
  [[nodiscard]] item_ring& first_due() noexcept;
  [[nodiscard]] bool may_call() const noexcept { return calls_ == 0 || inside_ < calls_; }

  const std::size_t max_items_;
  const std::uint64_t max_delay_ns_;
  const std::uint32_t calls_;
  std::mutex mutex_;
  std::uint32_t inside_ = 0;
  std::array<item_ring, 2> parked_;  // at their first attempt, on a retry; an item's due_ns says when it has waited enough
};

}  // namespace pawl::core
