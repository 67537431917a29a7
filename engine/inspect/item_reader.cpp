#include "inspect/item_reader.hpp"

#include "inspect/typed_key.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace pawl::core {
namespace {

constexpr std::size_t schemas_kept_max = 4096;
// JSON is longer than what it is made of, seldom by more than this.
constexpr std::size_t json_growth = 4;
constexpr std::size_t json_size_min = 64 * 1024;
// Of all values of an item, with their schemas: a row may name one value many times.
constexpr std::size_t shown_of_item_max = std::size_t{256} << 20;

const chain_revision* find_revision(const workflow_record& workflow, revision_id wanted) {
  const auto found = std::find_if(workflow.revisions.begin(), workflow.revisions.end(),
                                  [&](const chain_revision& one) { return one.id == wanted; });
  return found == workflow.revisions.end() ? nullptr : &*found;
}

// Of the step whose result has this value number.
std::string step_name(const chain_revision* revision, std::uint16_t value) {
  if (value == 0) return {};
  if (revision == nullptr || value > revision->steps.size()) return "step " + std::to_string(value);
  return revision->steps[value - 1U].name;
}

item_view::step_run run_of(const step_times& times) {
  return {std::chrono::sys_time<std::chrono::microseconds>(
              std::chrono::microseconds(static_cast<std::int64_t>(times.ended_us))),
          std::chrono::nanoseconds(static_cast<std::int64_t>(times.took_ns)), times.attempts};
}

std::vector<item_view::step> steps_of(const chain_revision* revision, const stored_item& item) {
  const std::size_t known = revision == nullptr ? 0 : revision->steps.size();
  std::vector<item_view::step> steps(std::max({known, item.times.size(), std::size_t{item.reached}}));
  for (std::size_t i = 0; i < steps.size(); ++i) {
    steps[i].name = step_name(revision, static_cast<std::uint16_t>(i + 1));
    if (i < known) steps[i].kind = revision->steps[i].kind;
    steps[i].completed = i < item.reached;
    if (i < item.times.size()) steps[i].run = run_of(item.times[i]);
  }
  return steps;
}

// A payload whose bytes, where they lie in the row, are safe from what the snapshot does next.
struct held_payload {
  stored_payload what;
  std::vector<std::byte> bytes;
  bool has_bytes = false;
};

held_payload hold(const stored_payload& payload, std::size_t size_max) {
  held_payload held{payload, {}, false};
  held.what.in_place = {};
  held.has_bytes = payload.in_place.data() != nullptr && payload.in_place.size() == payload.size;
  if (held.has_bytes && payload.size <= size_max) held.bytes.assign(payload.in_place.begin(), payload.in_place.end());
  return held;
}

struct value_source {
  workflow_id workflow;
  const stored_item& item;
  std::size_t size_max;
  snapshot& view;
  parsed_schemas& schemas;
  std::size_t room = shown_of_item_max;  // for what is still to be shown
};

void show_json(value_source& from, held_payload& payload, value_view& into) {
  if (from.room == 0) {
    into.problem = "left out: the values of this item that were shown before it are longer than " +
                   std::to_string(shown_of_item_max) + " bytes together";
    return;
  }
  const std::optional<schema> described = from.schemas.find(payload.what.schema_hash, from.view);
  if (!described) {
    into.problem = "its schema is not stored";
    into.damaged = true;
    return;
  }
  into.schema = described->to_string();
  from.room -= std::min(from.room, into.schema.size());
  if (into.size > from.size_max) {
    into.problem = "it has " + std::to_string(into.size) + " bytes, more than the " + std::to_string(from.size_max) +
                   " that were asked for";
    return;
  }
  if (!payload.has_bytes && into.size != 0) from.view.fetch(from.workflow, from.item, payload.what, payload.bytes);
  into.json = described->to_json(payload.bytes, std::min(from.room, std::max(json_size_min, json_growth * from.size_max)));
  from.room -= std::min(from.room, into.json.size());
}

value_view show_value(value_source& from, std::string step, held_payload payload) {
  value_view shown;
  shown.step = std::move(step);
  shown.size = payload.what.size;
  try {
    show_json(from, payload, shown);
  } catch (const error& failure) {
    // A damaged value is told and does not hide the rest of its item.
    shown.json.clear();
    shown.problem = failure.what();
    shown.damaged = failure.code() != errc::too_large;
  }
  return shown;
}

}  // namespace

std::optional<schema> parsed_schemas::find(std::uint64_t hash, snapshot& view) {
  {
    const std::scoped_lock lock(mutex_);
    if (const auto known = known_.find(hash); known != known_.end()) return known->second;
  }
  const std::string canonical = view.schema(hash);
  if (canonical.empty()) return std::nullopt;
  const schema parsed = schema::parse(canonical);
  const std::scoped_lock lock(mutex_);
  if (known_.size() >= schemas_kept_max) known_.clear();
  known_.emplace(hash, parsed);
  return parsed;
}

item_view show_item(const workflow_record& workflow, const stored_item& item) {
  item_view shown;
  shown.workflow = workflow.name;
  shown.key = key_of(item.key);
  shown.id = item.id;
  shown.state = item.state;
  shown.sticky = item.sticky;
  shown.updated = std::chrono::sys_time<std::chrono::microseconds>(
      std::chrono::microseconds(static_cast<std::int64_t>(item.updated_us)));
  shown.generation = item.generation;
  shown.failed_attempts = item.attempts;
  shown.steps_completed = item.reached;
  shown.steps = steps_of(find_revision(workflow, item.revision), item);
  shown.error = item.error;
  shown.input_is_key = item.input_is_key;
  return shown;
}

void show_values(const workflow_record& workflow, const stored_item& item, std::size_t value_size_max, snapshot& view,
                 parsed_schemas& schemas, item_view& into) {
  const chain_revision* const revision = find_revision(workflow, item.revision);
  std::optional<held_payload> input;
  std::optional<held_payload> result;
  std::vector<std::pair<std::uint16_t, held_payload>> kept;
  if (item.input.present) input = hold(item.input, value_size_max);
  if (item.result.present) result = hold(item.result, value_size_max);
  for (const auto& [number, payload] : item.kept) kept.emplace_back(number, hold(payload, value_size_max));
  const std::uint16_t latest = item.result_step;

  value_source from{workflow.id, item, value_size_max, view, schemas};
  if (input) into.input = show_value(from, {}, std::move(*input));
  if (result) into.result = show_value(from, step_name(revision, latest), std::move(*result));
  for (auto& [number, payload] : kept)
    into.kept.push_back(show_value(from, step_name(revision, number), std::move(payload)));
}

}  // namespace pawl::core
