// Submissions into the window. The part of admission that handles need (run/submitted_items.hpp).
#include "run/admission.hpp"
#include "run/what_of.hpp"

#include <exception>
#include <string>

namespace pawl::core {

// One submission, with its input or, where it was found in the state, without.
bool admission::pull_submitted() {
  active_item* item = pool_.take();
  if (item == nullptr) return false;
  submission* next = submitted_->take();
  if (next == nullptr) {
    if (submitted_->closed()) exhausted_.store(true, std::memory_order_release);
    pool_.give_back(item);
    return false;
  }
  now_ns_ = run_.time.now_ns();
  item->submitted = next;
  item->is_new = false;
  item->id = next->id;
  item->ordinal = ++pulled_;
  item->bytes = run_.layout.size();
  item->key.assign(next->key);
  item->key_hash = next->key_hash;
  if (!in_flight_.insert(item)) {
    item->key.clear();
    note_outcome(*next, item_state::pending, "an item of its key was still on its way out; submit it again");
    drop(item);
    return true;
  }
  bytes_change_ += item->bytes;
  if (next->input == nullptr) {
    ++new_items_;
    group_.push_back(item);
    return true;
  }
  void* place = place_of(run_.layout, *item, 0);
  try {
    next->input->move(place, next->storage);
    item->values[0] = place;
  } catch (...) {
    ++new_items_;
    leave_out(item, "its input could not be moved: " + what_of(std::current_exception()));
    return true;
  }
  if (next->input->destroy != nullptr) next->input->destroy(next->storage);
  next->input = nullptr;
  group_.push_back(item);
  return true;
}

// One that is submitted again may have changed since the snapshot can tell.
void admission::look_again(const active_item& item) {
  if (!lags_ || !unseen_.may_have(item.key_hash)) return;
  run_.store.settle();
  refresh();
}

}  // namespace pawl::core
