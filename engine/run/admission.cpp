#include "run/admission.hpp"

#include "record/key.hpp"
#include "run/fan.hpp"
#include "run/what_of.hpp"
#include "store/workflows.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <array>
#include <new>
#include <string>
#include <utility>

namespace pawl::core {
namespace {

constexpr std::size_t group_size = 64;
// Groups that one call admits at most while it finds nothing to run: others wait for the lock meanwhile.
constexpr int rounds_at_most = 16;
// A claim is a commit.
constexpr std::size_t shared_group_size = 1024;
// A source that takes longer than this for a group gives what it has given so far.
constexpr std::uint64_t slow_source_ns = 1'000'000;

}  // namespace

admission::admission(run_state& run, const origin& from)
    : run_(run),
      source_(from.source),
      unfinished_(from.unfinished),
      submitted_(from.submitted),
      children_(from.children),
      pool_(run.layout, run.settings.window_items),
      in_flight_(run.settings.window_items),
      ascending_(from.submitted == nullptr),
      next_id_(run.workflow.next_item),
      shared_(run.store.claims() != nullptr ? std::make_unique<shared_items>(*run.store.claims(), run) : nullptr),
      resume_(run) {}

// Items in flight, at most.
std::size_t admission::window() const noexcept {
  return shared_ ? std::min(shared_->limit(), run_.settings.window_items) : run_.settings.window_items;
}

bool admission::has_room() const noexcept {
  if (shared_ && (shared_->time_to_look() || has_deferred_.load(std::memory_order_relaxed))) return !run_.stopping();
  if (children_ != nullptr && !children_->has_some()) return false;
  if (submitted_ != nullptr && submitted_->waiting() == 0 && !submitted_->closed()) return false;
  const bool some_left = (!exhausted_.load(std::memory_order_acquire) && !(shared_ && shared_->full())) ||
                         (shared_ && shared_->has_found());
  return some_left && !run_.stopping() && in_use_.load(std::memory_order_relaxed) < window() &&
         run_.has_room_for_bytes(0);
}

// The same for who holds the lock, with what the run's counts do not tell yet.
bool admission::has_room_now() const noexcept {
  const bool some_left = !exhausted_.load(std::memory_order_relaxed) || (shared_ && shared_->has_found());
  return some_left && !run_.stopping() && pool_.in_use() < window() &&
         run_.has_room_for_bytes(bytes_change_);
}

// What changed under the lock becomes visible: once for a group, for each is an atomic operation.
void admission::tell_counts() noexcept {
  in_use_.store(pool_.in_use(), std::memory_order_relaxed);
  if (shared_) deferred_count_.store(deferred_.size(), std::memory_order_relaxed);
  run_.bytes_in_flight.fetch_add(std::exchange(bytes_change_, 0), std::memory_order_relaxed);
  run_.counts.items.fetch_add(std::exchange(new_items_, 0), std::memory_order_relaxed);
}

// Who admits or retires. At its end whoever waited for it is woken.
class admission::turn {
public:
  template <class... How>
  explicit turn(admission& of, How... how) : of_(of), lock_(of.mutex_, how...) {}
  ~turn() { end(); }
  turn(const turn&) = delete;
  turn& operator=(const turn&) = delete;

  [[nodiscard]] bool begun() const noexcept { return lock_.owns_lock(); }
  void end() noexcept {
    if (!begun()) return;
    lock_.unlock();
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (of_.awaited_.load(std::memory_order_relaxed) && of_.awaited_.exchange(false)) of_.run_.ready.wake_all();
  }

private:
  admission& of_;
  std::unique_lock<std::mutex> lock_;
};

bool admission::admit(lane& into, std::size_t most, item_group& own) {
  turn mine(*this, std::try_to_lock);
  if (!mine.begun()) return false;
  if (shared_) look_at_others();
  const std::size_t own_before = own.size();
  const bool parks = run_.gates[0] || run_.rates[0] || run_.batches[0] ||
                     run_.chain->steps[0].kind == step_kind::transactional || run_.chain->steps[0].fan;
  found so_far{into, own_before + (parks ? 0 : most), own};
  // A caller that has work already gets as many as it asks for; another one also some for those who have none.
  const std::size_t tries_at_most = shared_ ? shared_group_size : own_before != 0 ? most : group_size;
  const std::uint64_t began_ns = now_ns_ = run_.time.now_ns();
  if (!deferred_.empty() && !run_.stopping()) take_deferred();
  std::size_t pulled = 0;
  // Items that are done cost a look-up and no place: go on until there is something to run.
  const int rounds = submitted_ != nullptr ? 1 : rounds_at_most;
  for (int round = 0; round < rounds && (has_room_now() || !group_.empty()); ++round) {
    if (own.size() != own_before || recorded_.size() + so_far.waiting != 0) break;
    for (std::size_t tries = 0; tries < tries_at_most && has_room_now(); ++tries) {
      if (!pull()) break;
      ++pulled;
      if (now_ns_ - began_ns > slow_source_ns) break;  // start what is here
    }
    if (group_.empty()) break;
    if (run_.records) {
      refresh();  // after the keys were looked for in flight: see the head of the header
      expect_group();
    }
    if (shared_) claim_group(so_far);
    for (active_item* item : group_) settle(item, so_far);
    group_.clear();
  }
  resume_.release();
  if (children_ != nullptr) end_group_of_children();
  run_.ready.push_fresh(recorded_);
  recorded_.clear();
  tell_counts();
  update_finished();
  const submission_list left = std::exchange(left_, {});
  mine.end();
  if (submitted_ == nullptr && children_ == nullptr) return pulled != 0;
  // Somebody may have come for what was submitted meanwhile, and have found the lock taken.
  if (run_.ready.idle() != 0 && has_room()) run_.ready.wake_one();
  if (submitted_ != nullptr) submitted_->resolve_all(left);
  // A fan that came to its end gives nothing, and the next one may.
  return pulled != 0 || (children_ != nullptr && has_room());
}

bool admission::pull() {
  if (shared_ && pull_left_behind()) return true;
  if (exhausted_.load(std::memory_order_relaxed) || (shared_ && shared_->full())) return false;
  if (children_ != nullptr) return pull_child();
  if (submitted_ != nullptr) return pull_submitted();
  return unfinished_ != nullptr ? pull_unfinished() : pull_one();
}

// One input out of the source, with its key, into group_. False where there is none to be had.
bool admission::pull_one() {
  active_item* item = pool_.take();
  if (item == nullptr) return false;
  void* place = place_of(run_.layout, *item, 0);
  try {
    if (!source_.next(source_.self, place)) {
      exhausted_.store(true, std::memory_order_release);
      pool_.give_back(item);
      return false;
    }
  } catch (...) {
    pool_.give_back(item);
    give_up_source(errc::source_failed, "the source of items threw after " + std::to_string(pulled_) + " items: " +
                                            what_of(std::current_exception()));
    return false;
  }
  now_ns_ = run_.time.now_ns();
  item->is_new = false;
  item->id = not_stored;  // or not known yet
  item->values[0] = place;
  item->ordinal = ++pulled_;
  item->bytes = run_.layout.size();
  if (!read_key(*item)) {
    drop(item);
    return false;
  }
  item->key_hash = key_table::hash(item->key);
  if (!in_flight_.insert(item)) {
    if (shared_ && defer(item)) return true;
    run_.counts.duplicates.fetch_add(1, std::memory_order_relaxed);
    item->key.clear();
    drop(item);
    return true;
  }
  bytes_change_ += item->bytes;
  group_.push_back(item);
  return true;
}

// The same for an item out of the state, without its input.
bool admission::pull_unfinished() {
  active_item* item = pool_.take();
  if (item == nullptr) return false;
  try {
    if (!unfinished_->next(next_unfinished_)) {
      exhausted_.store(true, std::memory_order_release);
      pool_.give_back(item);
      return false;
    }
  } catch (...) {
    pool_.give_back(item);
    exhausted_.store(true, std::memory_order_release);
    run_.note_failure(std::current_exception());  // what was taken up before it is finished
    return false;
  }
  now_ns_ = run_.time.now_ns();
  if (shared_ && !seen_.insert(next_unfinished_.id)) {  // it was left behind, and found before
    pool_.give_back(item);
    return true;
  }
  ++new_items_;
  if (!next_unfinished_.problem.empty()) {
    run_.count(item_state::failed);
    run_.note_end(item_state::failed, next_unfinished_.key, 0, next_unfinished_.problem);
    pool_.give_back(item);
    return true;
  }
  item->is_new = false;
  item->id = next_unfinished_.id;
  item->ordinal = ++pulled_;
  item->bytes = run_.layout.size();
  item->key.swap(next_unfinished_.key);
  item->key_hash = key_table::hash(item->key);
  if (!in_flight_.insert(item))
    throw error(errc::damaged, "run: two items of the state have the key '" + printable_key(item->key) +
                                   "'; run `pawl verify` on the state");
  bytes_change_ += item->bytes;
  group_.push_back(item);
  return true;
}

// False where the run cannot go on pulling: a key that cannot be had leaves nowhere to record the item.
bool admission::read_key(active_item& item) {
  key_writer writer(item.key);
  try {
    run_.chain->key(run_.chain->key_self, item.values[0], writer);
  } catch (...) {
    item.key.clear();
    give_up_source(errc::key_failed, "the key of item number " + std::to_string(item.ordinal) +
                                         " of the source could not be had: " + what_of(std::current_exception()));
    return false;
  }
  if (item.key.size() - 1 <= max_key_size) return true;
  give_up_source(errc::too_large, "the key of item number " + std::to_string(item.ordinal) + " of the source has " +
                                      std::to_string(item.key.size() - 1) + " bytes; at most 65536 are stored");
  item.key.clear();
  return false;
}

void admission::give_up_source(errc code, const std::string& sentence) {
  exhausted_.store(true, std::memory_order_release);
  run_.note_failure(std::make_exception_ptr(
      error(code, "run: workflow '" + run_.chain->name + "': " + sentence +
                      "; what was admitted before it is finished and recorded; mend it and run again")));
}

// Puts an item that is not to run back into the pool.
void admission::drop(active_item* item) {
  if (std::exchange(item->claimed, false) && !item->ended) shared_->release(item->id);
  if (!item->key.empty()) {
    in_flight_.erase(item);
    bytes_change_ -= item->bytes;
  }
  destroy_values(run_.layout, *item);
  item->foreign = false;
  if (item->submitted != nullptr) left_.push(std::exchange(item->submitted, nullptr));
  if (item->child_of != nullptr) children_->left(*item);
  pool_.give_back(item);
}

// Is something stored of this item? Then stored_ says what.
bool admission::find(const active_item& item) {
  if (submitted_ != nullptr) look_again(item);
  if (resume_.view().find(run_.workflow.id, item.key, stored_, false)) return true;
  if (!lags_ || !may_be_unseen(item)) return false;
  run_.store.settle();
  refresh();
  return resume_.view().find(run_.workflow.id, item.key, stored_, false);
}

void admission::refresh() {
  resume_.refresh();
  const log_position seen = resume_.view().seen();
  lags_ = seen != everything;
  unseen_.forget(seen);
}

void admission::expect_group() {
  group_keys_.clear();
  for (const active_item* item : group_) group_keys_.emplace_back(item->key);
  resume_.view().expect(run_.workflow.id, group_keys_);
}

// An item of this key may have been admitted by this run and have ended, and the snapshot may not show it yet.
bool admission::may_be_unseen(const active_item& item) {
  if (!ascending_) return unseen_.may_have(item.key_hash);
  if (greatest_ < item.key) {
    greatest_.assign(item.key);
    return false;
  }
  ascending_ = false;
  return true;
}

// Finds out what is stored of an item, and what is to be done with it.
void admission::settle(active_item* item, found& so_far) {
  const bool has_input = item->values[0] != nullptr;
  const std::uint64_t items_before = new_items_;
  const auto leave_out_counted = [&](std::string_view reason) {
    // Each state is counted for an item, however far it came. (One without an input was counted when it was pulled.)
    new_items_ = items_before + (has_input ? 1 : 0);
    leave_out(item, reason);
  };
  try {
    if (!has_input) {
      if (submitted_ != nullptr) look_again(*item);
      take_up(item, so_far);
      return;
    }
    if (run_.records && find(*item)) {
      settle_stored(item, stored_, so_far);
      return;
    }
    if (shared_) {  // it was claimed, if it could be looked up
      leave_out_counted("it could not be looked up; run again");
      return;
    }
    item->id = id_for_new(run_.chain->name, next_id_);
    ++next_id_;
    item->is_new = true;
    static_cast<void>(is_first(*item));
    ++new_items_;
    const bool wait = so_far.own.size() >= so_far.most || waits_for_siblings(*item);
    if (!run_.records) (wait ? recorded_ : so_far.own).push_back(item);
    else if (crashed_too_often(*item, 0)) fail_new_crashed(*item, so_far);
    else if (admit_new(*item, so_far.into, wait)) so_far.own.push_back(item);
    else ++so_far.waiting;
  } catch (const error& failure) {
    const errc code = failure.code();
    if (code == errc::damaged || code == errc::schema_mismatch || code == errc::codec_failed || code == errc::too_large) {
      leave_out_counted(failure.what());
    } else {
      run_.fail(std::current_exception());
      drop(item);
    }
  } catch (const std::bad_alloc&) {
    run_.fail(std::current_exception());
    drop(item);
  } catch (const std::exception& failure) {
    leave_out_counted(failure.what());
  } catch (...) {
    leave_out_counted("its codec threw something that is not a std::exception");
  }
}

// As it is, without being run.
void admission::count(const active_item& item, item_state state) {
  if (!item.foreign) run_.count(state);
}

// It concerns this item alone: counted and named, and left in the state as it is for someone to look at.
void admission::leave_out(active_item* item, std::string_view reason) {
  count(*item, item_state::failed);
  run_.note_end(item_state::failed, item->key, item->step, reason);
  item->state = item_state::failed;
  note_outcome(*item, item_state::failed, reason);
  drop(item);
}

// Encodes the input into input_bytes_, schema hash first. False where it has no codec or is its own key.
bool admission::encode_input(const active_item& item) {
  const detail::value_type& type = *run_.chain->input;
  if (run_.chain->input_is_key || type.encode == nullptr) return false;
  input_bytes_.clear();
  input_bytes_.put(type.describe().hash());
  type.encode(item.values[0], input_bytes_);
  return true;
}

std::uint64_t admission::digest_of_input() const {
  return digest_of(run_.salt, input_bytes_.bytes().subspan(sizeof(std::uint64_t)));
}

bool admission::input_changed(const active_item& item, const stored_item& stored) {
  if (stored.input_digest == 0 || run_.settings.options.on_changed_input == on_changed_input::ignore) return false;
  // Encoded under another schema the same input has other bytes: that is a changed chain, not a changed input. Of an item
  // that has ended only the digest is left, and its revision does not tell the schema: it may have been admitted under one
  // chain and have ended under another.
  const bool alike = stored.input.present ? stored.input.schema_hash == run_.verdicts.now().input_schema
                                          : run_.verdicts.inputs_alike();
  if (!alike) return false;
  return encode_input(item) && digest_of_input() != stored.input_digest;
}

checkpoint_header admission::header_for(active_item& item, checkpoint_kind kind) const {
  checkpoint_header header{};
  header.kind = kind;
  header.workflow = run_.workflow.id;
  header.revision = run_.workflow.current;
  header.step = item.step;
  header.generation = item.generation;
  header.sequence = ++item.sequence;
  header.item = item.id;
  header.at_us = run_.unix_us(now_ns_);
  return header;
}

// True where the item is the caller's to run; false where it waits in the lane.
bool admission::admit_new(active_item& item, lane& into, bool wait) {
  checkpoint_header header = header_for(item, checkpoint_kind::admitted);
  std::string reason;
  try {
    const bool recorded = encode_input(item);
    if (recorded) header.detail = item.input_digest = digest_of_input();
    if (run_.chain->input_is_key) header.flags |= checkpoint_flag::input_is_key;
    into.begin(header, item.key);
    if (recorded) {
      write_encoded_payload(into, run_.store, input_bytes_.bytes());
      add_bytes(item, input_bytes_.bytes().size());
    }
    into.finish(wait ? &item : nullptr, wait);
    return !wait;
  } catch (const error& failure) {
    if (failure.code() != errc::codec_failed && failure.code() != errc::too_large) throw;
    reason = failure.what();
  } catch (const std::bad_alloc&) {
    throw;
  } catch (...) {
    reason = what_of(std::current_exception());
  }
  fail_new(item, into, header, reason);
  return false;
}

// The input could not be encoded: the item is recorded without it, and failed.
void admission::fail_new(active_item& item, lane& into, checkpoint_header header, std::string_view reason) {
  header.detail = 0;
  into.begin(header, item.key);
  into.finish(nullptr);
  const std::string sentence = "the input could not be recorded: " + std::string(reason);
  run_.note_end(item_state::failed, item.key, item.step, sentence);
  end_failed(item, into, run_.workflow.current, sentence);
}

// One whose admission was lost each time that it took the process down.
void admission::fail_new_crashed(active_item& item, found& so_far) {
  ++so_far.waiting;
  if (admit_new(item, so_far.into, false)) fail_crashed(item, run_.workflow.current, so_far.into);
}

// Records an item as failed before any of its steps was called.
void admission::end_failed(active_item& item, lane& into, revision_id revision, std::string_view reason,
                           std::uint8_t flags) {
  item.ended = true;
  item.state = item_state::failed;
  note_outcome(item, item_state::failed, reason);
  checkpoint_header header = header_for(item, checkpoint_kind::failed);
  header.revision = revision;
  header.flags |= flags;
  into.begin(header, reason.substr(0, max_reason_size));
  into.finish(&item);
}

void admission::add_bytes(active_item& item, std::size_t bytes) {
  item.bytes += bytes;
  bytes_change_ += bytes;
  if (item.child_of != nullptr) item.child_of->bytes += bytes;
}

void admission::retire(item_group& items) {
  turn mine(*this);
  retire(items, mine);
}

bool admission::try_to_retire(item_group& items) {
  turn mine(*this, std::try_to_lock);
  if (mine.begun()) retire(items, mine);
  return items.empty();
}

// Either this look at the lock comes behind the end of who has it, or his look at the flag behind ours.
bool admission::retire_or_be_woken(item_group& items) {
  awaited_.store(true);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return try_to_retire(items);
}

void admission::retire(item_group& items, turn& mine) {
  const bool was_full = !has_room();
  std::array<std::uint64_t, 5> ended{};
  const log_position recorded = run_.store.recorded();
  for (active_item* item : items) {
    if (item->foreign) [[unlikely]] run_.counts.taken_over.fetch_add(item->ended ? 1 : 0, std::memory_order_relaxed);
    else if (item->exit == child_exit::as_it_is) ++ended[static_cast<std::size_t>(item->state)];
    if (item->crashes != crash_history::none && item->ended) [[unlikely]] forget_crashes(*item);
    if ((item->is_new || submitted_ != nullptr) && !ascending_) unseen_.add(item->key_hash, recorded);
    drop(item);
  }
  if (shared_) {
    shared_->note_ended(items.size());
    if (!deferred_.empty()) has_deferred_.store(true, std::memory_order_relaxed);
  }
  items.clear();
  for (std::size_t state = 0; state < ended.size(); ++state)
    if (ended[state] != 0) run_.count(static_cast<item_state>(state), ended[state]);
  tell_counts();
  update_finished();
  if (was_full && has_room()) run_.ready.wake_all();
  const submission_list left = std::exchange(left_, {});
  mine.end();
  if (submitted_ != nullptr) submitted_->resolve_all(left);
}

void admission::update_finished() {
  if (run_.stopping() && !deferred_.empty()) drop_deferred();
  if (pool_.in_use() != 0 || !(exhausted_.load(std::memory_order_relaxed) || run_.stopping())) return;
  if (shared_ && !finished() && !end_sharing()) return;
  if (!finished_.exchange(true, std::memory_order_acq_rel)) run_.ready.wake_all();
}

}  // namespace pawl::core
