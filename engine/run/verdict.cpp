#include "run/verdict.hpp"

#include <pawl/describe.hpp>
#include <pawl/error.hpp>

#include <algorithm>

namespace pawl::core {
namespace {

// What makes one step another, or nothing.
std::string what_differs(std::size_t number, const step_identity& stored, const step_identity& now) {
  const std::string head = "step " + std::to_string(number + 1) + " '" + stored.name + "'";
  if (stored.kind != now.kind)
    return head + ": kind " + std::string(name_of(stored.kind)) + " is now " + std::string(name_of(now.kind));
  if (stored.version != now.version)
    return head + ": version " + std::to_string(stored.version) + " is now " + std::to_string(now.version);
  if (stored.result_schema != now.result_schema) return head + ": the schema of its result changed";
  return {};
}

// The same step at a higher version, whose results are made of the older ones.
bool is_migrated(std::size_t number, const step_identity& stored, const step_identity& now,
                 const value_layout* layout) {
  return layout != nullptr && stored.name == now.name && stored.kind == now.kind && stored.version < now.version &&
         stored.result_schema != 0 && layout->migration(number + 1, stored.result_schema) != nullptr;
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
    case verdict_kind::in_doubt: return "in_doubt";
    case verdict_kind::stay: return "stay";
  }
  return "unknown";
}

chain_difference compare_chains(const chain_revision& stored, const chain_revision& now, const value_layout* layout) {
  chain_difference difference;
  if (stored.input_schema != now.input_schema && stored.input_schema != 0 && now.input_schema != 0)
    difference.input = "the schema of the input changed; recorded inputs are read by field name";
  const std::size_t common = std::min(stored.steps.size(), now.steps.size());
  for (std::size_t step = 0; step < common; ++step) {
    difference.text = what_moved(step, stored, now);
    if (!difference.text.empty()) return difference;
    const step_identity& before = stored.steps[step];
    const step_identity& after = now.steps[step];
    if (is_migrated(step, before, after, layout))
      difference.migrations.push_back("step " + std::to_string(step + 1) + " '" + after.name +
                                      "': results of version " + std::to_string(before.version) +
                                      " are migrated to version " + std::to_string(after.version));
    else
      difference.text = what_differs(step, before, after);
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

void tell_changes(const chain_difference& difference, std::vector<std::string>& into) {
  into.insert(into.end(), difference.migrations.begin(), difference.migrations.end());
  if (!difference.input.empty()) into.push_back(difference.input);
  if (!difference.identical) into.push_back(difference.text);
}

const stored_payload* payload_of(const stored_item& item, std::uint16_t value) noexcept {
  if (value == 0) return item.input.present ? &item.input : nullptr;
  if (item.result.present && item.result_step == value) return &item.result;
  const auto kept = std::find_if(item.kept.begin(), item.kept.end(),
                                 [&](const auto& one) { return one.first == value; });
  return kept != item.kept.end() ? &kept->second : nullptr;
}

verdict_maker::verdict_maker(const workflow_record& workflow, const value_layout& layout, resume_policy policy)
    : workflow_(workflow), layout_(layout), policy_(policy), now_(nullptr) {
  now_ = &revision(workflow_.current);
  for (const chain_revision& one : workflow_.revisions) {
    chain_difference& difference = differences_[one.id] = compare_chains(one, *now_, &layout_);
    inputs_alike_ = inputs_alike_ && difference.input.empty();
  }
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

bool value_stored(const stored_item& item, const chain_revision& stored, std::size_t completed, bool input_at_hand) {
  const std::uint16_t value = latest_value(stored, completed);
  if (value == 0) return input_at_hand || item.input.present || item.input_is_key;
  return payload_of(item, value) != nullptr;
}

// Is what is stored of a value what today's step returns, or can it be made of it? The revision does not tell alone: a
// record made since then, of a failed attempt or a later step, raises it and leaves what an older version returned.
bool verdict_maker::readable(const chain_revision& stored, std::uint16_t value, const stored_payload& payload) const {
  const std::uint64_t hash = payload.schema_hash;
  if (hash == stored.steps[value - 1u].result_schema && hash == now_->steps[value - 1u].result_schema) return true;
  return layout_.migration(value, hash) != nullptr;
}

// Is the value that step `completed` would take to be had?
bool verdict_maker::value_at_hand(const stored_item& item, const chain_revision& stored, std::size_t completed,
                                  bool input_at_hand) const {
  const std::uint16_t value = latest_value(stored, completed);
  // A key makes the input only of a workflow whose input is that key: "7" is not 7, nor a struct that is called 7.
  const bool is_key = item.input_is_key && now_->input_is_key && stored.input_schema == now_->input_schema;
  if (value == 0) return input_at_hand || item.input.present || is_key;
  const stored_payload* payload = payload_of(item, value);
  return payload != nullptr && readable(stored, value, *payload);
}

// Why an item cannot go on from what it had reached.
std::string verdict_maker::cause(const stored_item& item, const chain_revision& stored) const {
  const chain_difference& change = difference(item.revision);
  if (change.same_steps < item.reached) return change.text;
  const std::uint16_t value = latest_value(stored, item.reached);
  const bool is_there = value != 0 && payload_of(item, value) != nullptr;
  return "the value that step " + std::to_string(item.reached + 1) + " takes is " +
         (is_there ? "stored as an older version returned it, and no .migrate takes that" : "not stored");
}

bool verdict_maker::can_go_on(const stored_item& item, const chain_revision& stored, std::size_t step,
                              bool input_at_hand) const {
  if (!value_at_hand(item, stored, step, input_at_hand)) return false;
  for (std::size_t value = 0; value <= step && value < layout_.count(); ++value) {
    if (layout_.latest_after(value) != value || !layout_.read_from(value, step)) continue;
    if (!value_at_hand(item, stored, value, input_at_hand)) return false;
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
  if (item.started) {
    said.kind = verdict_kind::in_doubt;
    said.reason = "outcome unknown: step '" + (item.reached < stored.steps.size() ? stored.steps[item.reached].name : "") +
                  "' is called at most once, and the process ended between its start and the record of its end; find out "
                  "whether it took effect, then retry the item, which calls it again, or skip it";
    return said;
  }

  const std::size_t same = std::min<std::size_t>(change.same_steps, item.reached);
  std::size_t from = same + 1;
  while (from > 0 && !can_go_on(item, stored, from - 1, input_at_hand)) --from;
  if (from == 0) {
    said.kind = verdict_kind::held;
    said.reason = cause(item, stored) +
                  (change.same_steps < item.reached ? "; nothing from which it could go on is stored" : "") +
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
  said.reason = cause(item, stored) + "; to go on, the recorded effects from step " + std::to_string(effect + 1) + " '" +
                stored.steps[effect].name +
                "' on would be repeated; allow that with run_options::on_changed_chain = rerun, or run the program that "
                "recorded them";
  return said;
}

}  // namespace pawl::core
