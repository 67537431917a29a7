// Admission: from the source into the window.
//
// The source is the user's, or what is unfinished in the state (run/unfinished.hpp): then nothing is new and no input
// is at hand, and the rest is the same. Or it is what is submitted (run/submitted_items.hpp): then a key may come again
// once its item has ended, and each item that leaves says to its submission how it ended. Or it is what the sources of
// parents give (run/fan.hpp): that part stands in run/pull_children.cpp.
//
// Pulls inputs, finds out what is stored of each, and makes items of those that
// have something to do. One worker at a time admits, in groups; the window is
// bounded in items and in bytes, so the source is pulled only as fast as items end.
//
// Duplicates: a key is looked for first among the keys in flight, then in a
// snapshot taken after that look. An item leaves the table of keys only when its
// last checkpoint is committed, so no key can be missed between the two. Where
// storage commits into a log that snapshots see later, keys of new items go from
// the one table into another (unseen_keys) until they do.
//
// Where several processes share the state, each group is claimed before it is settled: that part stands in
// run/claim_group.cpp.
#pragma once

#include "record/record_group.hpp"
#include "run/id_set.hpp"
#include "run/item.hpp"
#include "run/key_table.hpp"
#include "run/ready_queue.hpp"
#include "run/resume.hpp"
#include "run/run_state.hpp"
#include "run/shared_items.hpp"
#include "run/submitted_items.hpp"
#include "run/unfinished.hpp"
#include "run/unseen_keys.hpp"

#include <pawl/error.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace pawl::core {

class admission {
public:
  admission(run_state& run, const detail::erased_source& source) : admission(run, origin{.source = source}) {}
  // Takes up what is unfinished; `stored` must outlive it.
  admission(run_state& run, unfinished_items& stored) : admission(run, origin{.unfinished = &stored}) {}
  // Takes what is submitted until that is closed; `submitted` must outlive it.
  admission(run_state& run, submitted_items& submitted) : admission(run, origin{.submitted = &submitted}) {}
  // Takes the children of items that fan out, until the queue is closed; it must outlive it.
  admission(run_state& run, fan_queue& children) : admission(run, origin{.children = &children}) {}

  // Admits a group, writing its first checkpoints into `into`, the lane of the calling worker. New items, `most`
  // of them, go into `own`: their admission is in the caller's lane and not acknowledged, so they are the
  // caller's to run (run/lane.hpp says why). Further new ones wait for their admission; what was recorded before
  // goes into the ready queue. False where nothing was pulled: the window is full, the source is exhausted, the
  // run is stopping, or another worker is at it.
  bool admit(lane& into, std::size_t most, item_group& own);
  // Items that have ended, or were given up by a stop: counts them and makes room. Destroys their values. Waits for a
  // worker that is admitting, and he for the source.
  void retire(item_group& items);
  // The same, but does nothing and returns false where another worker is admitting.
  [[nodiscard]] bool try_to_retire(item_group& items);
  // The same; where it returns false all who wait are woken when that one is through.
  [[nodiscard]] bool retire_or_be_woken(item_group& items);
  // Nothing is in flight and nothing more will be.
  [[nodiscard]] bool finished() const noexcept { return finished_.load(std::memory_order_acquire); }
  // May the caller expect admit() to pull something, as things stand?
  [[nodiscard]] bool has_room() const noexcept;
  // Items in flight. Up to date where nobody admits or retires.
  [[nodiscard]] std::size_t in_flight() const noexcept {
    return in_use_.load(std::memory_order_acquire) - deferred_count_.load(std::memory_order_acquire);
  }
  // Where the state is shared: by the run's watch, as often as it likes.
  void beat(std::uint64_t now_ns) {
    if (shared_) shared_->beat(now_ns);
  }
  [[nodiscard]] bool is_shared() const noexcept { return shared_ != nullptr; }
  // The run is over, and what it wrote is durable or never will be: others get what it had and did not end.
  void end_of_run(bool durable);
  // The source said that there is no more. False after a stop that came before.
  [[nodiscard]] bool exhausted() const noexcept { return exhausted_.load(std::memory_order_acquire); }

private:
  // Where items come from: one of these.
  struct origin {
    detail::erased_source source{};
    unfinished_items* unfinished = nullptr;
    submitted_items* submitted = nullptr;
    fan_queue* children = nullptr;
  };
  admission(run_state& run, const origin& from);

  // What one call of admit() has found so far.
  struct found {
    lane& into;
    const std::size_t most;
    item_group& own;
    std::size_t waiting = 0;  // items that come back when their record is acknowledged
  };
  bool pull_one();
  bool pull_unfinished();
  bool pull_submitted();
  bool pull();
  bool pull_child();
  bool pull_left_behind();
  void look_at_others();
  void claim_group(found& so_far);
  struct wanted_claim {
    active_item* item;
    std::size_t admission;  // where it begins in admissions_
    std::size_t size;       // of it; 0: the item is stored
    std::string failure;    // its input could not be encoded
  };
  bool wants_claim(active_item& item);
  bool wants_claim_or_trouble(active_item& item);
  void settle_claim(const wanted_claim& wanted, const claim_request& request, found& so_far);
  void write_admission(active_item& item);
  void suspect_of_batches(active_item& item) const;
  void set_aside(active_item* item);
  [[nodiscard]] bool failed_elsewhere(const stored_item& stored) const;
  void count_as_others_left_it(const stored_item& stored);
  void count_aside();
  [[nodiscard]] bool defer(active_item* item);
  void take_deferred();
  void drop_deferred();
  bool left_by_others(active_item& item, const stored_item& stored);
  [[nodiscard]] bool end_sharing();
  [[nodiscard]] std::size_t window() const noexcept;
  bool pull_given(fan& from, active_item* item);
  bool pull_recorded(fan& from, active_item* item);
  bool read_child_key(fan& from, active_item& item);
  [[nodiscard]] bool read_recorded(fan& from);
  void break_off_repeated(active_item& item);
  [[nodiscard]] std::uint64_t count_vanished(fan& from);
  void end_group_of_children();
  [[nodiscard]] bool is_first(active_item& item);
  [[nodiscard]] static bool waits_for_siblings(const active_item& item) noexcept;
  bool read_key(active_item& item);
  void give_up_source(errc code, const std::string& sentence);
  void settle(active_item* item, found& so_far);
  void settle_stored(active_item* item, const stored_item& stored, found& so_far);
  void leave_unfinished(active_item* item, const stored_item& stored, std::string_view reason);
  void leave_out(active_item* item, std::string_view reason);
  void count(const active_item& item, item_state state);
  void tell_settled(active_item& item, const stored_item& stored);
  void refresh();
  void expect_group();
  [[nodiscard]] bool find(const active_item& item);
  [[nodiscard]] bool may_be_unseen(const active_item& item);
  [[nodiscard]] bool admit_new(active_item& item, lane& into, bool wait);
  void fail_new(active_item& item, lane& into, checkpoint_header header, std::string_view reason);
  void end_failed(active_item& item, lane& into, revision_id revision, std::string_view reason, std::uint8_t flags = 0);
  void take_up(active_item* item, found& so_far);
  void decide(active_item* item, const stored_item& stored, found& so_far);
  void carry_on(active_item* item, const stored_item& stored, std::uint16_t step, found& so_far);
  void reset_to(active_item& item, const stored_item& stored, std::uint16_t step, lane& into);
  void fail_changed_input(active_item& item, const stored_item& stored, lane& into);
  [[nodiscard]] bool crashed_too_often(active_item& item, std::uint16_t step);
  void fail_new_crashed(active_item& item, found& so_far);
  void fail_crashed(active_item& item, revision_id revision, lane& into);
  void forget_crashes(const active_item& item);
  void count_resumed(std::uint16_t step);
  void restore_back_off(active_item& item, const stored_item& stored) const;
  [[nodiscard]] bool encode_input(const active_item& item);
  [[nodiscard]] std::uint64_t digest_of_input() const;
  [[nodiscard]] bool input_changed(const active_item& item, const stored_item& stored);
  [[nodiscard]] checkpoint_header header_for(active_item& item, checkpoint_kind kind) const;
  void add_bytes(active_item& item, std::size_t bytes);
  void look_again(const active_item& item);
  void drop(active_item* item);
  [[nodiscard]] bool has_room_now() const noexcept;
  class turn;
  void retire(item_group& items, turn& mine);
  void tell_counts() noexcept;
  void update_finished();

  run_state& run_;
  const detail::erased_source source_;
  unfinished_items* const unfinished_;            // in place of it
  unfinished_item next_unfinished_;
  submitted_items* const submitted_;              // or that
  fan_queue* const children_;                     // or that
  fan* source_ended_ = nullptr;                   // of those, in the group that is being pulled
  std::string own_key_;                           // of the last of those
  submission_list left_;                          // submissions of items that have left, to be told when unlocked
  std::mutex mutex_;
  item_pool pool_;
  key_table in_flight_;
  // While new keys come in ascending order, the greatest of them tells more cheaply than a table what cannot have been
  // admitted before; from the first that does not, they go into the table one by one.
  std::string greatest_;
  bool ascending_;
  bool lags_ = false;  // snapshots see what is recorded later
  unseen_keys unseen_;
  id_set seen_;
  item_id next_id_;
  std::uint64_t pulled_ = 0;
  std::uint64_t now_ns_ = 0;         // when the last input was pulled
  std::uint64_t new_items_ = 0;      // not in the run's counts yet, as are
  std::uint64_t bytes_change_ = 0;   // (it wraps where they have become fewer)
  std::unique_ptr<shared_items> shared_;  // null: nobody else works on this state
  record_group admissions_;               // of the group
  std::vector<claim_request> requests_;   // the same
  std::vector<wanted_claim> wanted_;      // the same
  item_group settled_;                    // the same: of those that stay in it
  item_group deferred_;                   // given by the source while they are in flight without it
  std::atomic<bool> has_deferred_{false}; // and something has left
  resumer resume_;
  stored_item stored_;               // the last one looked for
  buffer_encoder input_bytes_;
  item_group group_;                 // pulled, and not settled
  std::vector<std::string_view> group_keys_;  // of these
  item_group recorded_;              // go into the ready queue: items of earlier runs
  std::atomic<bool> exhausted_{false};
  std::atomic<bool> finished_{false};
  std::atomic<std::size_t> in_use_{0};          // places of the pool
  std::atomic<std::size_t> deferred_count_{0};  // of them
  std::atomic<bool> awaited_{false};            // somebody wants to retire items, and waits for who has the lock
};

}  // namespace pawl::core
