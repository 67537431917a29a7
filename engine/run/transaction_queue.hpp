// Where items wait for their transaction.
//
// All transactional steps of a run share one queue. Whoever has its turn takes
// what waits, up to a bound, and runs it as one group; what comes meanwhile is the
// next group, so groups grow with the load and there are no timers. Everything
// recorded of an item that waits here is acknowledged.
#pragma once

#include "run/item.hpp"
#include "run/item_ring.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>

namespace pawl::core {

class transaction_queue {
public:
  // `window`: how many items there are at most. Where there are other workers a group takes at most a third of them: one
  // is committed, one is called, and the others get the next one ready.
  transaction_queue(std::size_t window, std::size_t workers)
      : group_max_(std::clamp<std::size_t>(workers > 1 ? window / 3 : window, 1, group_at_most)), waiting_(window) {}

  void push(active_item* item, std::uint64_t now_ns) {
    const std::scoped_lock lock(mutex_);
    if (waiting_.empty()) since_ns_ = now_ns;
    waiting_.push({&item, 1});
  }

  // The turn and a group; false where nothing waits or somebody else has the turn, who looks again when he gives it back.
  [[nodiscard]] bool begin(item_group& into) {
    const std::scoped_lock lock(mutex_);
    if (taken_ || waiting_.empty()) return false;
    waiting_.pop(group_max_, into);
    taken_ = true;
    return true;
  }
  // Whoever has the turn: another group, where what waits is worth not to wait for the commit of the one before.
  [[nodiscard]] bool next(item_group& into) {
    const std::scoped_lock lock(mutex_);
    if (waiting_.empty() || waiting_.size() < group_max_ / 2) return false;
    waiting_.pop(group_max_, into);
    return true;
  }
  // What was taken and not called waits on.
  void put_back(std::span<active_item* const> left) {
    const std::scoped_lock lock(mutex_);
    waiting_.push(left);
  }
  // Gives back the turn. Between the two moments lay so many groups.
  void end(std::uint64_t began_ns, std::uint64_t now_ns, std::size_t groups) {
    const std::scoped_lock lock(mutex_);
    since_ns_ = now_ns;
    took_ns_ = (now_ns - began_ns) / groups;
    taken_ = false;
  }

  // Is it time for a group although there is other work? When there is a whole one, or as much time has gone as the last
  // one took: so at most half of the time is spent on what each costs, whatever it holds.
  [[nodiscard]] bool is_due(std::uint64_t now_ns) const {
    const std::scoped_lock lock(mutex_);
    if (taken_ || waiting_.empty()) return false;
    return waiting_.size() >= group_max_ || now_ns > since_ns_ + std::max(took_ns_, patience_ns);
  }

  // All that wait go to the end of `into`: the run is stopping.
  void drain(item_group& into) {
    const std::scoped_lock lock(mutex_);
    waiting_.pop(waiting_.size(), into);
  }

private:
  static constexpr std::size_t group_at_most = 8192;
  static constexpr std::uint64_t patience_ns = 2'000'000;

  const std::size_t group_max_;
  mutable std::mutex mutex_;
  item_ring waiting_;
  std::uint64_t since_ns_ = 0;  // somebody waits, at the longest
  std::uint64_t took_ns_ = 0;   // the last group
  bool taken_ = false;
};

}  // namespace pawl::core
