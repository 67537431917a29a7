#include "run/verdict.hpp"

#include <pawl/error.hpp>

#include <algorithm>

namespace pawl::core {
namespace {

std::string_view word(step_kind kind) {
  return kind == step_kind::pure ? "pure" : kind == step_kind::loop ? "loop" : "step";
}

// What makes one step another, or nothing.
std::string what_differs(std::size_t number, const step_identity& stored, const step_identity& now) {
  const std::string head = "step " + std::to_string(number + 1) + " '" + stored.name + "'";
  if (stored.kind != now.kind)
    return head + ": kind " + std::string(word(stored.kind)) + " is now " + std::string(word(now.kind));
  if (stored.version != now.version)
    return head + ": version " + std::to_string(stored.version) + " is now " + std::to_string(now.version);
  if (stored.result_schema != now.result_schema) return head + ": the schema of its result changed";
  return {};
}

// A step of another name in this place: put in, taken out, or renamed.
std::string what_moved(std::size_t number, const chain_revision& stored, const chain_revision& now) {
  const std::string& before = stored.steps[number].name;
  const std::string& after = now.steps[number].name;
  if (before == after) return {};
  const auto has = [](const chain_revision& chain, const std::string& name) {
    return std::any_of(chain.steps.begin(), chain.steps.end(), [&](const auto& step) { return step.name == name; });
  };
  const std::string place = "step " + std::to_string(number + 1);
  if (!has(stored, after) && has(now, before)) return place + " '" + after + "' was put before '" + before + "'";
  if (!has(now, before) && has(stored, after)) return place + " '" + before + "' was removed";
  return place + " '" + before + "' is now '" + after + "'";
}

// After `completed` steps of this chain, which value number is the latest.
std::uint16_t latest_value(const chain_revision& chain, std::size_t completed) {
  while (completed > 0 && chain.steps[completed - 1].result_schema == 0) --completed;
  return static_cast<std::uint16_t>(completed);
}

// The first effect among the steps [from, to) of a recorded chain; its end where there is none.
std::size_t first_effect(const chain_revision& chain, std::size_t from, std::size_t to) {
  while (from < to && chain.steps[from].kind == step_kind::pure) ++from;
  return from;
}

}  // namespace

std::string_view name_of(verdict_kind kind) noexcept {
  switch (kind) {
    case verdict_kind::start: return "start";
    case verdict_kind::go_on: return "go_on";
    case verdict_kind::redo_pure: return "redo_pure";
    case verdict_kind::redo_effects: return "redo_effects";
    case verdict_kind::held: return "held";
    case verdict_kind::stay: return "stay";
  }
  return "unknown";
}

chain_difference compare_chains(const chain_revision& stored, const chain_revision& now) {
  chain_difference difference;
  const std::size_t common = std::min(stored.steps.size(), now.steps.size());
  for (std::size_t step = 0; step < common; ++step) {
    difference.text = what_moved(step, stored, now);
    if (!difference.text.empty()) return difference;
    difference.text = what_differs(step, stored.steps[step], now.steps[step]);
    if (!difference.text.empty()) return difference;
    ++difference.same_steps;
  }
  if (stored.steps.size() < now.steps.size())
    difference.text = "step " + std::to_string(common + 1) + " '" + now.steps[common].name + "' was added";
  else if (stored.steps.size() > now.steps.size())
    difference.text = "step " + std::to_string(common + 1) + " '" + stored.steps[common].name + "' was removed";
  else
    difference.identical = true;
  return difference;
}

verdict_maker::verdict_maker(const workflow_record& workflow, const value_layout& layout, resume_policy policy)
    : workflow_(workflow), layout_(layout), policy_(policy), now_(nullptr) {
  now_ = &revision(workflow_.current);
  for (const chain_revision& one : workflow_.revisions) differences_[one.id] = compare_chains(one, *now_);
}

const chain_revision& verdict_maker::revision(revision_id id) const {
  const auto found = std::find_if(workflow_.revisions.begin(), workflow_.revisions.end(),
                                  [&](const chain_revision& one) { return one.id == id; });
  if (found == workflow_.revisions.end())
    throw error(errc::damaged, "resume: an item of workflow '" + workflow_.name + "' refers to chain revision " +
                                   std::to_string(id) + ", which is not recorded; run `pawl verify` on the state");
  return *found;
}

const chain_difference& verdict_maker::difference(revision_id id) const {
  static_cast<void>(revision(id));
  return differences_.at(id);
}

// Is the value that step `completed` would take to be had?
bool verdict_maker::value_stored(const stored_item& item, const chain_revision& stored, std::size_t completed,
                                 bool input_at_hand) const {
  const std::uint16_t value = latest_value(stored, completed);
  if (value == 0) return input_at_hand || item.input.present || item.input_is_key;
  if (item.result.present && item.result_step == value) return true;
  return std::any_of(item.kept.begin(), item.kept.end(), [&](const auto& kept) { return kept.first == value; });
}

// Are that value and all that later steps read beside it to be had?
bool verdict_maker::can_go_on(const stored_item& item, const chain_revision& stored, std::size_t step,
                              bool input_at_hand) const {
  if (!value_stored(item, stored, step, input_at_hand)) return false;
  for (std::size_t value = 0; value <= step && value < layout_.count(); ++value) {
    if (layout_.latest_after(value) != value || !layout_.read_from(value, step)) continue;
    if (!value_stored(item, stored, value, input_at_hand)) return false;
  }
  return true;
}

bool verdict_maker::certainly_stays(const stored_item& item) const {
  switch (item.state) {
    case item_state::pending:
    case item_state::in_progress: return false;
    case item_state::failed: return item.sticky || !policy_.retry_failed;
    case item_state::done:
    case item_state::skipped: return !policy_.rerun_changed || difference(item.revision).identical;
  }
  return false;
}

verdict verdict_maker::decide(const stored_item& item, bool input_at_hand) const {
  verdict said;
  const chain_revision& stored = revision(item.revision);
  const chain_difference& change = difference(item.revision);
  if (item.reached > stored.steps.size())
    throw error(errc::damaged, "resume: an item has completed " + std::to_string(item.reached) +
                                   " steps of a chain of " + std::to_string(stored.steps.size()) +
                                   "; run `pawl verify` on the state");
  const bool ended = item.state == item_state::done || item.state == item_state::skipped;
  // A done item whose chain lost only its last steps has nothing left to do.
  const bool nothing_left = item.state == item_state::done && change.same_steps == now_->steps.size();
  said.changed_chain = change.same_steps < item.reached || (ended && !change.identical);
  if (certainly_stays(item) || (ended && change.identical) || nothing_left) {
    said.kind = verdict_kind::stay;
    return said;
  }

  const std::size_t same = std::min<std::size_t>(change.same_steps, item.reached);
  std::size_t from = same + 1;
  while (from > 0 && !can_go_on(item, stored, from - 1, input_at_hand)) --from;
  if (from == 0) {
    said.kind = verdict_kind::held;
    said.reason = (change.identical ? std::string("the value that step ") + std::to_string(item.reached + 1) +
                                          " takes is not stored"
                                    : change.text + "; nothing from which it could go on is stored") +
                  ", nor is the item's input; run it from its source";
    return said;
  }
  --from;
  said.step = static_cast<std::uint16_t>(from);
  if (from == item.reached) {
    said.kind = from == 0 ? verdict_kind::start : verdict_kind::go_on;
    return said;
  }
  const std::size_t effect = first_effect(stored, from, item.reached);
  if (effect == item.reached) {
    said.kind = verdict_kind::redo_pure;
    return said;
  }
  if (policy_.rerun_changed) {
    said.kind = verdict_kind::redo_effects;
    return said;
  }
  said.kind = verdict_kind::held;
  said.reason = change.text + "; to go on, the recorded effects from step " + std::to_string(effect + 1) + " '" +
                stored.steps[effect].name +
                "' on would be repeated; allow that with run_options::on_changed_chain = rerun, or run the program that "
                "recorded them";
  return said;
}

}  // namespace pawl::core
