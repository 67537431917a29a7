// An item that is stored: whether it stays as it is, or where it goes on and with what. The part of admission that takes
// up what earlier runs left.

#include "flight/record.hpp"
#include "flight/recorder.hpp"
#include "run/admission.hpp"
#include "run/fan.hpp"
#include "run/migrate.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <string>

namespace pawl::core {
namespace {

// ", 3 times, at last by SIGSEGV at address 0x0"
std::string told_of(const crash_entry& entry) {
  const std::string times = entry.crashes == 1 ? " once, by " : " " + std::to_string(entry.crashes) + " times, at last by ";
  if (entry.cause == fatal_cause::none) return times + "a kill for want of memory";
  return times + text_of(fatal_note{0, entry.cause, entry.signal, entry.code, 0, entry.address});
}

}  // namespace

void admission::settle_stored(active_item* item, const stored_item& stored, found& so_far) {
  item->id = stored.id;
  if (!is_first(*item)) {
    if (children_ == nullptr) run_.counts.duplicates.fetch_add(1, std::memory_order_relaxed);
    drop(item);
    return;
  }
  ++new_items_;
  run_.note_revision(stored.revision);
  if (run_.verdicts.certainly_stays(stored) && !input_changed(*item, stored)) {
    const item_state state = stored.state;
    forget_crashes(*item);
    tell_settled(*item, stored);
    run_.count(state);
    run_.counts.settled_before.fetch_add(1, std::memory_order_relaxed);
    drop(item);
    return;
  }
  if (item->child_of != nullptr && item->child_of->stage == fan_stage::recording) {
    item->exit = child_exit::recorded;
    drop(item);
    return;
  }
  take_up(item, so_far);
}

// An item that is not to run. Whoever holds its handle, or is its parent, is told why it is as it is.
void admission::tell_settled(active_item& item, const stored_item& stored) {
  const item_state state = stored.state;
  item.state = state;
  if (item.submitted == nullptr && (item.child_of == nullptr || state == item_state::done)) return;
  if (item.submitted != nullptr) item.submitted->result_is_stored = state == item_state::done;
  stored_item whole;
  const bool wanted = state != item_state::done && resume_.view().load(run_.workflow.id, item.id, whole);
  note_outcome(item, state, wanted ? whole.error : std::string_view());
}

// What only a run over its source can take up stays as it is recorded.
void admission::leave_unfinished(active_item* item, const stored_item& stored, std::string_view reason) {
  count(*item, stored.state);
  if (!item->foreign) run_.note_left(item->key, item->step, stored.state, reason);
  if (item->submitted != nullptr) note_outcome(*item->submitted, stored.state, reason);
  if (item->child_of != nullptr) {
    item->state = item_state::failed;  // for its parent, which cannot wait for it
    note_outcome(*item, item_state::failed, reason);
  }
  drop(item);
}

// An item that is stored and has something to do.
void admission::take_up(active_item* item, found& so_far) {
  stored_item stored;
  const bool has_input = item->values[0] != nullptr;
  const bool there = has_input ? resume_.view().find(run_.workflow.id, item->key, stored, true)
                               : resume_.view().load(run_.workflow.id, item->id, stored);
  if (!there)
    throw error(errc::damaged, "run: an item was found and then not; run `pawl verify` on the state");
  if (shared_ && left_by_others(*item, stored)) return;
  item->generation = stored.generation;
  item->sequence = stored.sequence;
  item->input_digest = stored.input_digest;
  item->step = stored.reached;
  item->state = stored.state;
  try {
    decide(item, stored, so_far);
  } catch (const migration_failed& failure) {  // nothing was recorded of it yet: its results stay as they are
    ++so_far.waiting;
    run_.note_end(item_state::failed, item->key, item->step, failure.what());
    end_failed(*item, so_far.into, stored.revision, failure.what());
  }
}

void admission::decide(active_item* item, const stored_item& stored, found& so_far) {
  const bool has_input = item->values[0] != nullptr;
  if (!has_input) run_.note_revision(stored.revision);
  if (has_input && input_changed(*item, stored)) {
    run_.counts.changed_inputs.fetch_add(1, std::memory_order_relaxed);
    ++so_far.waiting;
    if (run_.settings.options.on_changed_input == on_changed_input::fail)
      fail_changed_input(*item, stored, so_far.into);
    else
      reset_to(*item, stored, 0, so_far.into);
    return;
  }
  // `ignore`: the recorded input, where there is one, and not the one at hand.
  if (has_input && run_.settings.options.on_changed_input == on_changed_input::ignore && stored.input.present)
    destroy_value(run_.layout, *item, 0);

  const verdict said = run_.verdicts.decide(stored, has_input);
  if (!has_input && said.kind == verdict_kind::held && run_.verdicts.decide(stored, true).kind != verdict_kind::held) {
    leave_unfinished(item, stored, said.reason);
    return;
  }
  switch (said.kind) {
    case verdict_kind::stay:
      forget_crashes(*item);
      count(*item, stored.state);
      tell_settled(*item, stored);
      run_.counts.settled_before.fetch_add(item->foreign ? 0 : 1, std::memory_order_relaxed);
      drop(item);
      return;
    case verdict_kind::held:
      run_.counts.held.fetch_add(1, std::memory_order_relaxed);
      ++so_far.waiting;
      run_.note_held(item->key, item->step, said.reason);
      end_failed(*item, so_far.into, stored.revision, said.reason);
      return;
    case verdict_kind::in_doubt:
      ++so_far.waiting;
      run_.note_end(item_state::failed, item->key, item->step, said.reason);
      end_failed(*item, so_far.into, stored.revision, said.reason, checkpoint_flag::sticky);
      return;
    case verdict_kind::redo_pure:
    case verdict_kind::redo_effects:
      reset_to(*item, stored, said.step, so_far.into);
      ++so_far.waiting;
      run_.counts.redone.fetch_add(1, std::memory_order_relaxed);
      count_resumed(said.step);
      return;
    case verdict_kind::start:
    case verdict_kind::go_on:
      if (crashed_too_often(*item, said.step)) {
        ++so_far.waiting;
        fail_crashed(*item, stored.revision, so_far.into);
        return;
      }
      carry_on(item, stored, said.step, so_far);
      count_resumed(said.step);
      return;
  }
}

void admission::fail_changed_input(active_item& item, const stored_item& stored, lane& into) {
  static constexpr std::string_view reason =
      "its input differs from the one recorded; run_options::on_changed_input says fail";
  run_.note_end(item_state::failed, item.key, item.step, reason);
  end_failed(item, into, stored.revision, reason);
}

// What is known of crashes of an item that goes on at `step`: true where there were too many of them.
bool admission::crashed_too_often(active_item& item, std::uint16_t step) {
  if (run_.flight == nullptr || !run_.flight->knows_any()) return false;
  const auto known = run_.flight->known(run_.workflow.id, item.key);
  if (!known) return false;
  if (known->generation != item.generation || known->step < step) {  // it is another item by now, or beyond it
    forget_crashes(item);
    return false;
  }
  item.crashes = known->suspect != 0 ? crash_history::suspect : crash_history::counted;
  return run_.flight->too_many(*known);
}

void admission::fail_crashed(active_item& item, revision_id revision, lane& into) {
  const auto known = run_.flight->known(run_.workflow.id, item.key);
  const auto& steps = run_.chain->steps;
  const std::string step = known && known->last_step < steps.size() ? steps[known->last_step].name : run_.chain->name;
  const std::string reason = "crashed the process in step '" + step + "'" + (known ? told_of(*known) : std::string()) +
                             "; mend the step or the input and retry the item, sticky as it is, or skip it";
  run_.note_end(item_state::failed, item.key, known ? known->last_step : item.step, reason);
  end_failed(item, into, revision, reason, checkpoint_flag::sticky);
}

// The item has ended, and the state says so.
void admission::forget_crashes(const active_item& item) {
  if (run_.flight != nullptr && run_.flight->knows_any()) run_.flight->forget(run_.workflow.id, item.key);
}

void admission::count_resumed(std::uint16_t step) {
  if (step == 0) return;
  run_.counts.resumed.fetch_add(1, std::memory_order_relaxed);
  run_.counts.steps_saved.fetch_add(step, std::memory_order_relaxed);
}

// The item goes on at the step that it had reached.
void admission::carry_on(active_item* item, const stored_item& stored, std::uint16_t step, found& so_far) {
  // Its chain lost the steps that it still had to do; or it was done, and its chain has got more.
  if (step == run_.chain->steps.size() || stored.state == item_state::done || stored.state == item_state::skipped) {
    reset_to(*item, stored, step, so_far.into);
    ++so_far.waiting;
    return;
  }
  const std::uint64_t bytes_before = item->bytes;
  resume_.load_values(*item, stored, step);
  if (item->child_of != nullptr) item->child_of->bytes += item->bytes - bytes_before;
  const chain_difference& change = run_.verdicts.difference(stored.revision);
  const bool same_step = change.identical || change.same_steps > step;
  if (stored.state != item_state::failed && same_step) {
    item->attempts = stored.attempts;
    restore_back_off(*item, stored);
  }
  recorded_.push_back(item);
}

// What remains of a back-off; never more than it was, whatever the clock did meanwhile (rule 27).
void admission::restore_back_off(active_item& item, const stored_item& stored) const {
  if (item.attempts == 0 || stored.delay_ns == 0) return;
  const std::uint64_t now_ns = run_.time.now_ns();
  const std::uint64_t now_us = run_.unix_us(now_ns);
  const std::uint64_t gone_us = now_us > stored.updated_us ? now_us - stored.updated_us : 0;
  if (gone_us >= stored.delay_ns / 1000) return;
  item.due_ns = now_ns + (stored.delay_ns - gone_us * 1000);
  item.backing_off = true;
}

// Records that the item is done again from `step` on (or, at the chain's end, that it is done); it waits in the
// lane until that is durable, because a new generation must not be handed to an effect and then be forgotten.
void admission::reset_to(active_item& item, const stored_item& stored, std::uint16_t step, lane& into) {
  // The input goes along, for a done item no longer has one: encoded first, it may not be needed in memory.
  const bool recorded = item.values[0] != nullptr && encode_input(item);
  if (recorded) item.input_digest = digest_of_input();
  item.ended = step == run_.chain->steps.size();
  if (!item.ended) resume_.load_values(item, stored, step);
  item.step = step;
  item.attempts = 0;
  item.state = item.ended ? item_state::done : item_state::in_progress;
  ++item.generation;
  checkpoint_header header = header_for(item, checkpoint_kind::reset);
  header.detail = item.input_digest;
  if (run_.chain->input_is_key) header.flags |= checkpoint_flag::input_is_key;
  if (item.ended) header.flags |= checkpoint_flag::last;
  into.begin(header, {});
  if (recorded) write_encoded_payload(into, run_.store, input_bytes_.bytes());
  into.finish(&item);
}

}  // namespace pawl::core
