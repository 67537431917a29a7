#include "run/batch_gate.hpp"

#include "run/ready_queue.hpp"

#include <algorithm>

namespace pawl::core {

batch_gate::batch_gate(const detail::batch_rule& rule, std::uint32_t calls, std::size_t window)
    : max_items_(rule.max_items),
      max_delay_ns_(static_cast<std::uint64_t>(rule.max_delay_s * 1e9)),
      calls_(calls),
      parked_{item_ring(window), item_ring(window)} {}

std::uint64_t batch_gate::enter(active_item* item, std::uint64_t now_ns) {
  const std::uint64_t due_ns = item->due_ns = now_ns + max_delay_ns_;
  const std::scoped_lock lock(mutex_);
  item_ring& ring = parked_[item->attempts == 0 ? 0 : 1];
  ring.push({&item, 1});
  return ring.size() == 1 ? due_ns : never;
}

std::uint64_t batch_gate::due_of(const item_ring& ring) const noexcept {
  if (ring.empty()) return never;
  return ring.size() >= max_items_ ? 0 : ring.front()->due_ns;
}

item_ring& batch_gate::first_due() noexcept { return due_of(parked_[1]) < due_of(parked_[0]) ? parked_[1] : parked_[0]; }

bool batch_gate::take(std::uint64_t now_ns, item_group& into) {
  const std::scoped_lock lock(mutex_);
  if (!may_call() || due_of(first_due()) > now_ns) return false;
  first_due().pop(max_items_, into);
  ++inside_;
  return true;
}

bool batch_gate::take_incomplete(item_group& into) {
  const std::scoped_lock lock(mutex_);
  if (!may_call() || first_due().empty()) return false;
  first_due().pop(max_items_, into);
  ++inside_;
  return true;
}

void batch_gate::leave() {
  const std::scoped_lock lock(mutex_);
  --inside_;
}

std::uint64_t batch_gate::due_ns() {
  const std::scoped_lock lock(mutex_);
  return may_call() ? due_of(first_due()) : never;
}

std::size_t batch_gate::waiting() {
  const std::scoped_lock lock(mutex_);
  return parked_[0].size() + parked_[1].size();
}

void batch_gate::drain(item_group& into) {
  const std::scoped_lock lock(mutex_);
  for (item_ring& ring : parked_) ring.pop(ring.size(), into);
}

}  // namespace pawl::core
