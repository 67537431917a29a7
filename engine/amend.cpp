#include "amend.hpp"

#include "record/key.hpp"
#include "record/record_group.hpp"
#include "run/clock.hpp"
#include "run/recorded_chain.hpp"
#include "run/verdict.hpp"
#include "store/find_named.hpp"
#include "store/walk.hpp"
#include "store/workflows.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

namespace pawl::core {
namespace {

constexpr std::size_t left_kept = 20;
constexpr std::size_t records_in_a_group_max = 8192;

checkpoint_header header_for(workflow_id workflow, const stored_item& item, checkpoint_kind kind) {
  checkpoint_header header{};
  header.kind = kind;
  header.workflow = workflow;
  header.revision = item.revision;
  header.step = item.reached;
  header.generation = item.generation;
  header.sequence = item.sequence + 1;
  header.item = item.id;
  header.at_us = system_clock().unix_us();
  return header;
}

// Where an item goes on, or why not; neither: nothing needs to be done.
struct decision {
  std::optional<std::uint16_t> step;
  std::string left;
  bool new_generation = false;
};

const chain_revision& revision_of(const workflow_record& workflow, const stored_item& item) {
  const auto found = std::find_if(workflow.revisions.begin(), workflow.revisions.end(),
                                  [&](const chain_revision& one) { return one.id == item.revision; });
  if (found == workflow.revisions.end())
    throw error(errc::damaged, "amend: item " + std::to_string(item.id) + " of workflow '" + workflow.name +
                                   "' refers to chain revision " + std::to_string(item.revision) +
                                   ", which is not recorded; run `pawl verify` on the state");
  return *found;
}

// The place of a step in a recorded chain; the number of its steps where it is not there.
std::size_t place_of_step(const chain_revision& chain, std::string_view name) {
  return static_cast<std::size_t>(
      std::find_if(chain.steps.begin(), chain.steps.end(), [&](const auto& step) { return step.name == name; }) -
      chain.steps.begin());
}

// Resets the items that are chosen, a group at a time.
class resetting {
public:
  // What is said of an item; may throw damaged, which concerns the item.
  using decide = std::function<decision(const stored_item&)>;

  resetting(backend& store, const commit_group& commit, const workflow_record& workflow, bool dry_run,
            const tell_left& on_left)
      : commit_(commit), workflow_(workflow), dry_run_(dry_run), on_left_(on_left), view_(store.read()) {
    made_.workflow = workflow.name;
  }

  amend_report all(const item_state* state, const decide& what) {
    const walker with{[&](const stored_item& item) {
                        take(item, state, what);
                        return true;
                      },
                      [&](item_id id, const std::string& why) {
                        ++made_.items;
                        leave("(item " + std::to_string(id) + ")", {}, why);
                      }};
    item_id from = 0;
    while (walk(*view_, workflow_.id, from, workflow_.next_item, state, with)) {
      write();
      view_->refresh();
    }
    write();
    return std::move(made_);
  }

  // Keys first, all of them: one that is not there ends it before anything is changed.
  amend_report named(const std::vector<std::string>& keys, const item_state* state, const decide& what) {
    std::vector<item_id> ids;
    stored_item item;
    for (const std::string& key : keys) {
      if (!find_named(*view_, workflow_, key, item, false))
        throw error(errc::not_found, "amend: workflow '" + workflow_.name + "' has no item '" + printable_key(key) +
                                         "'; nothing was changed; `pawl ls` lists those that are there");
      ids.push_back(item.id);
    }
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    for (const item_id id : ids) {
      if (!view_->load(workflow_.id, id, item))
        throw error(errc::damaged, "amend: an item was found and then not; run `pawl verify` on the state");
      take(item, state, what);
      if (group_.records() == records_in_a_group_max) write();
    }
    write();
    return std::move(made_);
  }

private:
  void take(const stored_item& item, const item_state* state, const decide& what) {
    if (state != nullptr && item.state != *state) return;
    ++made_.items;
    decision said;
    try {
      said = what(item);
    } catch (const error& failure) {
      if (failure.code() != errc::damaged) throw;
      said.left = failure.what();
    }
    if (!said.left.empty()) {
      leave(printable_key(item.key), name_of_step(item), said.left);
    } else if (!said.step) {
      ++made_.unchanged;
    } else {
      ++made_.changed;
      if (!dry_run_) reset(item, *said.step, said.new_generation);
    }
  }

  void reset(const stored_item& item, std::uint16_t step, bool new_generation) {
    checkpoint_header header = header_for(workflow_.id, item, checkpoint_kind::reset);
    header.step = step;
    header.detail = item.input_digest;
    if (new_generation) ++header.generation;
    group_.add(header, {});
  }

  void leave(std::string key, std::string step, const std::string& reason) {
    ++made_.left;
    report_entry entry{std::move(key), std::move(step), printable(reason)};
    if (on_left_) on_left_(entry);
    if (made_.first_left.size() < left_kept) made_.first_left.push_back(std::move(entry));
  }

  std::string name_of_step(const stored_item& item) const {
    for (const chain_revision& one : workflow_.revisions)
      if (one.id == item.revision && item.reached < one.steps.size()) return one.steps[item.reached].name;
    return {};
  }

  void write() {
    if (group_.records() != 0) commit_(group_.bytes());
    group_.clear();
  }

  const commit_group& commit_;
  const workflow_record& workflow_;
  const bool dry_run_;
  const tell_left& on_left_;
  const std::unique_ptr<snapshot> view_;
  record_group group_;
  amend_report made_;
};

workflow_record find_workflow(backend& store, std::string_view name) {
  return workflow_named(store.read()->workflows(), name);
}

// Throws where no recorded chain of the workflow has the step.
void demand_step(const workflow_record& workflow, std::string_view name) {
  std::string names;
  for (auto chain = workflow.revisions.rbegin(); chain != workflow.revisions.rend(); ++chain) {
    if (place_of_step(*chain, name) != chain->steps.size()) return;
    for (const step_identity& step : chain->steps) {
      const std::string quoted = "'" + printable(step.name) + "'";
      if (names.find(quoted) == std::string::npos) names += (names.empty() ? "" : ", ") + quoted;
    }
  }
  throw error(errc::not_found, "rerun: workflow '" + workflow.name + "' has no step '" + printable(name) +
                                   "'; its steps are " + names);
}

// What a step takes and is not stored, in words.
std::string what_is_missing(const chain_revision& chain, std::size_t step) {
  std::size_t value = step;
  while (value > 0 && chain.steps[value - 1].result_schema == 0) --value;
  if (value == 0)
    return "its input, which step '" + chain.steps[step].name + "' takes, is not stored; nothing of it was changed";
  return "the result of step '" + chain.steps[value - 1].name + "', which '" + chain.steps[step].name +
         "' takes, is not stored; nothing of it was changed; `.keep()` on that step keeps it from now on";
}

// Decides for rerun.
class setting_back {
public:
  setting_back(const workflow_record& workflow, const detail::chain* chain, std::string_view from_step)
      : workflow_(workflow), from_step_(from_step) {
    if (chain == nullptr) return;
    layout_.emplace(*chain);
    today_.emplace(with_chain(workflow, *chain), *layout_, resume_policy{});
  }

  decision operator()(const stored_item& item) const {
    decision said;
    const chain_revision& chain = revision_of(workflow_, item);
    const std::size_t step = place_of_step(chain, from_step_);
    const bool unfinished = item.state == item_state::pending || item.state == item_state::in_progress;
    if (step == chain.steps.size()) {
      said.left = "it was recorded by an older program, which had no such step; nothing of it was changed";
    } else if (item.reached < step || (item.reached == step && unfinished)) {
      return said;
    } else if (!value_stored(item, chain, step, false)) {
      said.left = what_is_missing(chain, step);
    } else if (today_ && today_->difference(item.revision).same_steps > step &&
               !today_->can_go_on(item, chain, step, false)) {
      said.left = "an earlier result or the input, which a later step reads, is not stored; nothing of it was changed";
    } else {
      said.step = static_cast<std::uint16_t>(step);
      said.new_generation = true;
    }
    return said;
  }

private:
  const workflow_record& workflow_;
  const std::string_view from_step_;
  std::optional<value_layout> layout_;
  std::optional<verdict_maker> today_;
};

}  // namespace

amend_report rerun_items(backend& store, const commit_group& commit, std::string_view workflow,
                         const detail::chain* chain, std::string_view from_step, const std::vector<std::string>& keys,
                         const rerun_options& options) {
  const workflow_record record = find_workflow(store, workflow);
  demand_step(record, from_step);
  const setting_back what(record, chain, from_step);
  const auto decide = [&](const stored_item& item) { return what(item); };
  const item_state* const state = options.state ? &*options.state : nullptr;
  resetting work(store, commit, record, options.dry_run, options.on_left);
  return keys.empty() ? work.all(state, decide) : work.named(keys, state, decide);
}

amend_report reopen_items(backend& store, const commit_group& commit, std::string_view workflow,
                          const std::vector<std::string>& keys, const reopen_options& options) {
  const workflow_record record = find_workflow(store, workflow);
  const bool also_sticky = options.sticky || !keys.empty();
  const auto decide = [&](const stored_item& item) {
    decision said;
    if (item.state != item_state::failed)
      said.left = "it is " + std::string(name_of(item.state)) + "; only failed items are opened again";
    else if (also_sticky || !item.sticky)
      said.step = item.reached;
    return said;
  };
  const item_state failed = item_state::failed;
  resetting work(store, commit, record, options.dry_run, options.on_left);
  return keys.empty() ? work.all(&failed, decide) : work.named(keys, nullptr, decide);
}

void skip_item(backend& store, const commit_group& commit, std::string_view workflow, const std::string& key,
               std::string_view reason) {
  if (reason.empty())
    throw error(errc::bad_argument, "skip: no reason was given; say why, so that others can read it");
  if (reason.size() > max_reason_size)
    throw error(errc::bad_argument, "skip: the reason has " + std::to_string(reason.size()) +
                                        " bytes; at most " + std::to_string(max_reason_size) + " are stored");
  const workflow_record record = find_workflow(store, workflow);
  const std::unique_ptr<snapshot> view = store.read();
  stored_item item;
  if (!find_named(*view, record, key, item, true))
    throw error(errc::not_found, "skip: workflow '" + record.name + "' has no item '" + printable_key(key) +
                                     "'; `pawl ls` lists those that are there");
  if (item.state == item_state::done || item.state == item_state::skipped)
    throw error(errc::bad_argument, "skip: item '" + printable_key(key) + "' of workflow '" + record.name + "' is " +
                                        std::string(name_of(item.state)) +
                                        "; only unfinished and failed items can be skipped; nothing was changed");
  checkpoint_header header = header_for(record.id, item, checkpoint_kind::skipped);
  header.attempt = item.attempts;
  record_group group;
  group.add(header, reason);
  commit(group.bytes());
}

}  // namespace pawl::core
