// Where several processes share the state: whose the items of a group are, and what others leave. The part of admission
// that speaks with run/shared_items.hpp.
//
// A group is looked up as ever; what has something to do in it is claimed as one commit, in which new items are admitted.
// Then the snapshot is refreshed: it shows what their holders before us recorded of them, and nobody records more.

#include "flight/recorder.hpp"
#include "record/key.hpp"
#include "run/admission.hpp"
#include "run/what_of.hpp"

#include <pawl/error.hpp>

#include <cstring>
#include <new>
#include <string>
#include <utility>

namespace pawl::core {

void admission::look_at_others() {
  try {
    if (shared_->time_to_look()) shared_->look();
    if (shared_->has_found()) resume_.refresh();  // for pull_left_behind
  } catch (...) {
    run_.fail(std::current_exception());
  }
}

// An item that nobody has any more: it has ended meanwhile, or it is to be taken up. False where there is none.
bool admission::pull_left_behind() {
  if (pool_.in_use() >= window()) return false;
  item_id id = 0;
  bool known = false;
  while (shared_->next(id, known)) {
    stored_item stored;
    if (!resume_.view().load(run_.workflow.id, id, stored)) continue;  // it was removed
    const bool finished = stored.state == item_state::done || stored.state == item_state::skipped;
    const std::uint64_t key_hash = key_table::hash(stored.key);
    if (in_flight_.find(stored.key, key_hash) != nullptr) {  // the source has just given it (again)
      if (known) shared_->set_aside(id);
      continue;
    }
    if (!known && (finished || seen_.contains(id))) continue;  // where the source has given it this run has it, or had it
    if (known && (finished || failed_elsewhere(stored))) {
      count_as_others_left_it(stored);
      continue;
    }
    active_item* item = pool_.take();
    now_ns_ = run_.time.now_ns();
    item->is_new = false;
    item->foreign = !known && unfinished_ == nullptr;
    if (!known && !item->foreign && seen_.insert(id)) ++new_items_;  // the source is all that is unfinished
    item->id = id;
    item->ordinal = ++pulled_;
    item->bytes = run_.layout.size();
    item->key.assign(stored.key);
    item->key_hash = key_hash;
    static_cast<void>(in_flight_.insert(item));
    bytes_change_ += item->bytes;
    group_.push_back(item);
    return true;
  }
  return false;
}

// While this run was under way: it was another process's attempt.
bool admission::failed_elsewhere(const stored_item& stored) const {
  return stored.state == item_state::failed && stored.updated_us >= run_.started_us;
}

void admission::count_as_others_left_it(const stored_item& stored) {
  run_.count(stored.state);
  if (stored.state == item_state::failed) run_.note_end(stored.state, stored.key, stored.reached, stored.error);
  run_.counts.settled_before.fetch_add(1, std::memory_order_relaxed);
}

// The key is in flight: true where it is so as a foreign item, behind which this one waits.
bool admission::defer(active_item* item) {
  if (!in_flight_.find(item->key, item->key_hash)->foreign) return false;
  bytes_change_ += item->bytes;
  deferred_.push_back(item);
  return true;
}

// Items that the source gave while what others had left of them was in flight, and is not any more.
void admission::take_deferred() {
  std::size_t left = 0;
  for (active_item* item : deferred_) {
    if (in_flight_.insert(item)) group_.push_back(item);
    else deferred_[left++] = item;
  }
  deferred_.resize(left);
  has_deferred_.store(false, std::memory_order_relaxed);
}

// The run is being stopped: they are as they were left.
void admission::drop_deferred() {
  for (active_item* item : std::exchange(deferred_, {})) {
    bytes_change_ -= item->bytes;
    item->key.clear();
    drop(item);
  }
}

// Has this item something to do, as far as the snapshot shows? What cannot be told is told when it is settled.
bool admission::wants_claim(active_item& item) {
  if (item.values[0] == nullptr) {
    wanted_.push_back({&item, 0, 0, {}});
    return true;
  }
  if (!find(item)) {
    write_admission(item);
    return true;
  }
  if (run_.verdicts.certainly_stays(stored_) && !input_changed(item, stored_)) return false;
  item.id = stored_.id;
  wanted_.push_back({&item, 0, 0, {}});
  return true;
}

// As admit_new() does in a lane.
void admission::write_admission(active_item& item) {
  item.sequence = 0;
  checkpoint_header header = header_for(item, checkpoint_kind::admitted);
  header.item = 0;
  std::string failure;
  bool recorded = false;
  try {
    recorded = encode_input(item);
  } catch (const std::bad_alloc&) {
    throw;
  } catch (...) {
    failure = what_of(std::current_exception());
  }
  std::span<const std::byte> payload;
  large_object large;
  if (recorded) {
    header.detail = item.input_digest = digest_of_input();
    payload = input_bytes_.bytes();
    if (payload.size() > run_.store.large_threshold()) {
      std::uint64_t hash;
      std::memcpy(&hash, payload.data(), sizeof hash);
      large = run_.store.store_large(hash, payload.subspan(sizeof hash));
      header.flags |= checkpoint_flag::large;
      payload = std::as_bytes(std::span{&large, 1});
    }
    add_bytes(item, input_bytes_.bytes().size());
  }
  if (run_.chain->input_is_key) header.flags |= checkpoint_flag::input_is_key;
  const std::size_t at = admissions_.add(header, item.key, payload);
  wanted_.push_back({&item, at, admissions_.bytes().size() - at, std::move(failure)});
}

// What stays in the group is to be settled: all that is claimed, and what needs no claim.
void admission::claim_group(found& so_far) {
  admissions_.clear();
  wanted_.clear();
  requests_.clear();
  settled_.clear();
  try {
    for (active_item* item : group_)
      if (!wants_claim_or_trouble(*item)) settled_.push_back(item);
    for (const wanted_claim& one : wanted_) {
      claim_request request;
      if (one.size == 0) {
        request.item = one.item->id;
      } else {
        request.key = one.item->key;
        request.admission = admissions_.bytes().subspan(one.admission, one.size);
      }
      requests_.push_back(request);
    }
    if (!requests_.empty()) {
      shared_->claim(requests_);
      for (std::size_t i = 0; i < wanted_.size(); ++i) {
        wanted_[i].item->id = requests_[i].item;
        wanted_[i].item->claimed = requests_[i].answer != claim_answer::elsewhere;
      }
      refresh();
      if (run_.flight != nullptr) run_.flight->refresh();
    }
  } catch (...) {
    run_.fail(std::current_exception());  // the storage failed, or the process was taken for dead; what is claimed goes back at the end
    for (active_item* item : group_) drop(item);
    group_.clear();
    return;
  }
  for (std::size_t i = 0; i < wanted_.size(); ++i) settle_claim(wanted_[i], requests_[i], so_far);
  group_.swap(settled_);
  expect_group();
}

// False also where it cannot be told: it is told again, of the item, when that is settled, and that is not claimed.
bool admission::wants_claim_or_trouble(active_item& item) {
  try {
    return wants_claim(item);
  } catch (const error& failure) {
    const errc code = failure.code();
    if (code == errc::damaged || code == errc::schema_mismatch || code == errc::codec_failed || code == errc::too_large)
      return false;
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (...) {
    return false;
  }
}

void admission::settle_claim(const wanted_claim& wanted, const claim_request& request, found& so_far) {
  active_item* const item = wanted.item;
  const bool has_input = item->values[0] != nullptr;
  if (request.answer == claim_answer::claimed) {
    if (request.left_behind) suspect_of_batches(*item);
    settled_.push_back(item);
    return;
  }
  if (has_input && !is_first(*item)) {  // its other one is another process's, and set aside
    run_.counts.duplicates.fetch_add(1, std::memory_order_relaxed);
    drop(item);
    return;
  }
  if (has_input) ++new_items_;
  if (!item->claimed) {
    set_aside(item);
    return;
  }
  item->is_new = true;
  item->state = item_state::pending;
  if (wanted.failure.empty()) {
    if (!crashed_too_often(*item, 0)) {
      recorded_.push_back(item);
    } else {
      fail_crashed(*item, run_.workflow.current, so_far.into);
      ++so_far.waiting;
    }
    return;
  }
  const std::string sentence = "the input could not be recorded: " + wanted.failure;
  run_.note_end(item_state::failed, item->key, item->step, sentence);
  end_failed(*item, so_far.into, run_.workflow.current, sentence);
  ++so_far.waiting;
}

// A process died in a call for several items, and this one may have been among them.
void admission::suspect_of_batches(active_item& item) const {
  if (run_.flight != nullptr && run_.flight->calls_left_behind_singly(run_.workflow.id)) item.crashes = crash_history::counted;
}

void admission::set_aside(active_item* item) {
  if (!item->foreign) shared_->set_aside(item->id);
  drop(item);
}

// A stored item that this run is not to take up after all: it was done by others meanwhile, or they have it. (Both only
// where the snapshot shows more than that by which it was decided whether it is to be claimed.)
bool admission::left_by_others(active_item& item, const stored_item& stored) {
  if (!item.claimed) {
    set_aside(&item);
    return true;
  }
  if (!failed_elsewhere(stored)) return false;
  if (!item.foreign) count_as_others_left_it(stored);
  drop(&item);
  return true;
}

// Nothing is in flight, and nothing more will be pulled: true where that is the end. What others have is left to them
// where the run is stopped.
bool admission::end_sharing() {
  if (!run_.stopping() && !shared_->none_left()) return false;
  if (!shared_->aside().empty()) count_aside();
  return true;
}

// The run is stopped: they are told as they are.
void admission::count_aside() {
  std::uint64_t told = 0;
  try {
    resume_.refresh();
    for (const item_id id : shared_->aside()) {
      stored_item stored;
      if (!resume_.view().load(run_.workflow.id, id, stored)) continue;
      ++told;
      run_.count(stored.state);
      if (stored.state != item_state::pending && stored.state != item_state::in_progress)
        run_.counts.settled_before.fetch_add(1, std::memory_order_relaxed);
    }
    resume_.release();
  } catch (...) {
    run_.note_failure(std::current_exception());
  }
  run_.count(item_state::in_progress, shared_->aside().size() - told);
}

void admission::end_of_run(bool durable) {
  if (!shared_) return;
  if (!durable) {
    shared_->withdraw();
    return;
  }
  try {
    shared_->end_of_run(run_.stopping() || run_.ready.broken());
  } catch (...) {
    run_.note_failure(std::current_exception());
    shared_->withdraw();  // else others would wait for what it has, as long as the engine is open
  }
}

}  // namespace pawl::core
