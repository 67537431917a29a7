#include "run/rate_gate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace pawl::core {

rate_gate::rate_gate(const detail::rate_rule& limit, std::size_t window)
    : interval_ns_(std::max<std::uint64_t>(static_cast<std::uint64_t>(std::ceil(limit.per_s * 1e9)), 1)),
      free_at_ns_(limit.calls, 0),
      parked_(window) {}

std::uint64_t rate_gate::free_at(std::size_t others) const noexcept {
  if (others >= free_at_ns_.size()) return std::numeric_limits<std::uint64_t>::max();
  return free_at_ns_[(oldest_ + others) % free_at_ns_.size()];
}

void rate_gate::let_out(active_item* item, std::uint64_t due_ns, item_group& into) {
  ++out_;
  item->let_out = true;
  item->due_ns = due_ns;
  into.push_back(item);
}

bool rate_gate::enter(active_item* item, std::uint64_t now_ns, item_group& into) {
  const std::scoped_lock lock(mutex_);
  const bool is_back = item->let_out;
  if (is_back) {
    item->let_out = false;
    --out_;
  }
  // Those that were let out go first.
  const bool begins = free_at(is_back ? 0 : out_) <= now_ns;
  if (begins) {
    free_at_ns_[oldest_] = now_ns + interval_ns_;
    oldest_ = (oldest_ + 1) % free_at_ns_.size();
  } else if (is_back) {
    let_out(item, free_at(0), into);  // the clocks of two threads may be a little apart
  } else {
    parked_.push({&item, 1});
  }
  while (parked_.size() != 0 && (out_ == 0 || free_at(out_) <= now_ns)) let_out(parked_.pop(), free_at(out_), into);
  return begins;
}

std::size_t rate_gate::waiting() {
  const std::scoped_lock lock(mutex_);
  return parked_.size();
}

void rate_gate::drain(item_group& into) {
  const std::scoped_lock lock(mutex_);
  parked_.pop(parked_.size(), into);
}

}  // namespace pawl::core
