// Children into the window: out of the sources of their parents, or out of the state where they were only recorded.
// The part of admission that a fan needs (run/fan.hpp).
#include "record/key.hpp"
#include "run/admission.hpp"
#include "run/fan.hpp"
#include "run/what_of.hpp"

#include <pawl/error.hpp>

#include <spdlog/spdlog.h>

#include <string>
#include <utility>

namespace pawl::core {
namespace {

constexpr std::size_t page_size = 256;
constexpr std::size_t vanished_named = 3;

}  // namespace

bool admission::pull_child() {
  fan* const from = children_->front();
  if (from == nullptr) {
    if (children_->closed()) exhausted_.store(true, std::memory_order_release);
    return false;
  }
  active_item* const item = pool_.take();
  if (item == nullptr) return false;
  item->is_new = false;
  item->bytes = run_.layout.size();
  return from->source != nullptr ? pull_given(*from, item) : pull_recorded(*from, item);
}

bool admission::pull_given(fan& from, active_item* item) {
  void* const place = place_of(run_.layout, *item, 0);
  try {
    if (!from.source->next(place)) {
      pool_.give_back(item);
      source_ended_ = &from;  // when those before it are settled: only then it is known which they are
      return false;
    }
  } catch (...) {
    pool_.give_back(item);
    children_->break_off(from, "its source threw after " + std::to_string(from.given) + " children: " +
                                   what_of(std::current_exception()), std::current_exception());
    return false;
  }
  now_ns_ = run_.time.now_ns();
  item->values[0] = place;
  item->ordinal = ++from.given;
  children_->began(from, *item);
  if (!read_child_key(from, *item)) {
    item->key.clear();
    item->exit = child_exit::uncounted;
    drop(item);
    return false;
  }
  item->key_hash = key_table::hash(item->key);
  if (!in_flight_.insert(item)) {
    break_off_repeated(*item);
    item->key.clear();
    drop(item);
    return false;
  }
  bytes_change_ += item->bytes;
  from.bytes += item->bytes;
  group_.push_back(item);
  return true;
}

// False where it cannot be had, or is too long to be stored below its parent's: the fan is broken off then.
bool admission::read_child_key(fan& from, active_item& item) {
  const std::string number = std::to_string(item.ordinal);
  try {
    key_writer writer(own_key_);
    run_.chain->key(run_.chain->key_self, item.values[0], writer);
  } catch (...) {
    children_->break_off(from, "the key of child number " + number + " could not be had: " +
                                   what_of(std::current_exception()), nullptr);
    return false;
  }
  item.key.assign(from.scope).append(own_key_);
  if (item.key.size() <= max_child_key_size) return true;
  children_->break_off(from, "the key of child number " + number + " has " + std::to_string(item.key.size()) +
                                 " bytes together with its parent's; at most " + std::to_string(max_child_key_size) +
                                 " can be stored", nullptr);
  return false;
}

// Has the source given no item of its key before? If the source of a parent has, that is the end of its fan.
bool admission::is_first(active_item& item) {
  if (submitted_ != nullptr) return true;
  if (item.child_of == nullptr) return seen_.insert(item.id);
  fan& of = *item.child_of;
  if (!of.seen.insert(item.id)) {
    break_off_repeated(item);
    return false;
  }
  if (children_->rule().collects) of.order.push_back(item.id);
  return true;
}

// Nobody knows which of the two is meant.
void admission::break_off_repeated(active_item& item) {
  children_->break_off(*item.child_of, "its source gives the key '" + printable_key(split_child_key(item.key).own) +
                                           "' twice (again as child number " + std::to_string(item.ordinal) +
                                           "), and keys are what tells children apart; make them unique", nullptr);
  if (source_ended_ == item.child_of) source_ended_ = nullptr;  // it is closed, and gone when this item leaves
  run_.counts.duplicates.fetch_add(1, std::memory_order_relaxed);
  item.exit = child_exit::uncounted;
}

bool admission::waits_for_siblings(const active_item& item) noexcept {
  return item.child_of != nullptr && item.child_of->stage != fan_stage::running;
}

// What the group leaves to do: children may have become too many to wait in memory; a source may have come to its end.
void admission::end_group_of_children() {
  if (fan* const from = children_->front(); from != nullptr && children_->gathers_too_much(*from))
    children_->only_record(*from);
  if (fan* const ended = std::exchange(source_ended_, nullptr)) children_->end_source(*ended, count_vanished(*ended));
}

// Children that an earlier call of the source gave, and this one did not.
std::uint64_t admission::count_vanished(fan& from) {
  const active_item& parent = from.of.item;
  const bool maybe_in_this_run = parent.attempts != 0 || parent.submitted != nullptr;
  if (!run_.records || (parent.is_new && !maybe_in_this_run)) return 0;
  std::uint64_t vanished = 0;
  std::string named;
  try {
    if (maybe_in_this_run) run_.store.settle();
    run_.store.read()->scan_keys(run_.workflow.id, from.scope, [&](item_id id, std::string_view key) {
      if (from.seen.contains(id)) return true;
      if (++vanished <= vanished_named) named += (named.empty() ? "" : ", ") + printable_key(key);
      return true;
    });
  } catch (...) {
    run_.fail(std::current_exception());
    return 0;
  }
  if (vanished == 0) return 0;
  run_.counts.vanished.fetch_add(vanished, std::memory_order_relaxed);
  run_.logger.warn("event=children_vanished workflow={} parent=\"{}\" count={} keys=\"{}{}\"", run_.chain->name,
                   printable_key(parent.key), vanished, named, vanished > vanished_named ? ", ..." : "");
  return vanished;
}

// One that was recorded, without its input.
bool admission::pull_recorded(fan& from, active_item* item) {
  if (from.page_at == from.page.size() && !read_recorded(from)) {
    pool_.give_back(item);
    return false;
  }
  auto& [id, key] = from.page[from.page_at++];
  now_ns_ = run_.time.now_ns();
  item->id = id;
  item->key.swap(key);
  item->key_hash = key_table::hash(item->key);
  item->child_of = &from;
  if (!in_flight_.insert(item))
    throw error(errc::damaged, "run: two items of the state have the key '" + printable_key(item->key) +
                                   "'; run `pawl verify` on the state");
  bytes_change_ += item->bytes;
  group_.push_back(item);
  if (from.page_at == from.page.size()) children_->page_ended(from);
  return true;
}

// The next page of them, in a snapshot that is not kept. False where there is none; the fan may be gone then.
bool admission::read_recorded(fan& from) {
  from.page.clear();
  from.page_at = 0;
  try {
    if (!std::exchange(from.settled, true)) run_.store.settle();
    const std::unique_ptr<snapshot> view = run_.store.read();
    stored_item stored;
    while (from.page.size() < page_size) {
      const std::optional<item_id> id = children_->take_recorded(from);
      if (!id) break;
      std::string problem = "it has vanished from the state; run `pawl verify` on it";
      try {
        if (view->load(run_.workflow.id, *id, stored)) {
          from.page.emplace_back(*id, stored.key);
          continue;
        }
      } catch (const error& failure) {
        if (failure.code() != errc::damaged) throw;
        problem = failure.what();
      }
      run_.count(item_state::failed);
      children_->lost(from, problem);
    }
  } catch (...) {
    run_.fail(std::current_exception());
    return false;
  }
  if (!from.page.empty()) return true;
  children_->page_ended(from);
  return false;
}

}  // namespace pawl::core
