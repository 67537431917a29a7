// A step's limit on how often its calls begin: at most `calls` in any interval.
//
// A sliding log: when each of the last `calls` calls began is remembered, and
// another one may begin once the oldest of them is an interval old. Exact where a
// token bucket is not (it lets a full bucket and its refill into one interval),
// at 8 bytes for each call.
//
// Items that have to wait are parked here. One at least of them is *let out* as
// long as there are any: it goes to the timers of the ready queue, with the time
// when a call may begin, and comes back through enter(). Whoever comes back lets
// the next ones out: so one timer a step is enough, and a call is counted when it
// really begins, however late a worker takes it up.
#pragma once

#include "run/item.hpp"
#include "run/item_ring.hpp"

#include <pawl/detail/erased.hpp>

#include <cstdint>
#include <mutex>
#include <vector>

namespace pawl::core {

class rate_gate {
public:
  // `window`: how many items there are at most.
  rate_gate(const detail::rate_rule& limit, std::size_t window);

  // True: the item's call begins now. False: it waits, and is not to be touched any more. Either way items are added to
  // `into`, perhaps this one among them: they are to go to the timers, with the due_ns that they have got.
  [[nodiscard]] bool enter(active_item* item, std::uint64_t now_ns, item_group& into);
  // How many are parked, those that are let out aside.
  [[nodiscard]] std::size_t waiting();
  // All that are parked go to the end of `into`: the run is stopping.
  void drain(item_group& into);

private:
  // When the call after `others` further ones may begin.
  [[nodiscard]] std::uint64_t free_at(std::size_t others) const noexcept;
  void let_out(active_item* item, std::uint64_t due_ns, item_group& into);

  const std::uint64_t interval_ns_;
  std::mutex mutex_;
  std::vector<std::uint64_t> free_at_ns_;  // a ring, ascending from oldest_ on: when each call is an interval old
  std::size_t oldest_ = 0;
  std::size_t out_ = 0;                    // let out and not back yet
  item_ring parked_;
};

}  // namespace pawl::core
