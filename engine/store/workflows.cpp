#include "store/workflows.hpp"

#include "record/key.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <limits>
#include <string>

namespace pawl::core {
namespace {

constexpr std::size_t names_told_max = 20;

bool same_chain(const chain_revision& a, const chain_revision& b) {
  return a.input_schema == b.input_schema && a.input_is_key == b.input_is_key && a.steps == b.steps;
}

template <class Number>
Number next_number(std::size_t number, const char* what) {
  if (number > std::numeric_limits<Number>::max())
    throw error(errc::too_large, "store: a state has no room for more than 65,535 " + std::string(what) +
                                     "; use another state directory");
  return static_cast<Number>(number);
}

}  // namespace

item_id id_for_new(std::string_view workflow, item_id next) {
  if (next >= item_id_end)
    throw error(errc::bad_argument, "store: workflow '" + std::string(workflow) +
                                        "' has no id left for a new item: a workflow has room for 2^48, and ids of items "
                                        "that are gone are never used again; use another state directory");
  return next;
}

std::size_t open_among(std::span<const workflow_record> known, std::string_view name, const chain_revision& chain,
                       workflow_record& opened) {
  const auto found = std::find_if(known.begin(), known.end(), [&](const auto& one) { return one.name == name; });
  opened = found != known.end() ? *found : workflow_record{};
  if (found == known.end()) {
    opened.id = next_number<workflow_id>(known.empty() ? 1 : known.back().id + std::size_t{1}, "workflows");
    opened.name = name;
  }
  const std::size_t before = opened.revisions.size();
  const auto same = std::find_if(opened.revisions.begin(), opened.revisions.end(),
                                 [&](const chain_revision& one) { return same_chain(one, chain); });
  if (same != opened.revisions.end()) {
    opened.current = same->id;
    return before;
  }
  opened.revisions.push_back(chain);
  opened.revisions.back().id = opened.current = next_number<revision_id>(before, "revisions of one workflow");
  return before;
}

void add_completed(const workflow_record& workflow, const chain_revision& revision,
                   std::span<const std::uint64_t> histogram, workflow_counts& into) {
  const auto& newest = workflow.revisions.back().steps;
  for (std::size_t step = 0; step < newest.size(); ++step) {
    const auto same = std::find_if(revision.steps.begin(), revision.steps.end(),
                                   [&](const step_identity& one) { return one.name == newest[step].name; });
    if (same == revision.steps.end()) continue;
    const auto completed = static_cast<std::size_t>(same - revision.steps.begin()) + 1;
    for (std::size_t reached = completed; reached < histogram.size(); ++reached)
      into.completed[step] += histogram[reached];
  }
}

std::optional<std::size_t> step_in_own_revision(const workflow_record& workflow, const stored_item& item, revision_id revision,
                                                std::size_t step) {
  if (item.revision == revision) return step;
  const auto find = [&](revision_id id) {
    return std::find_if(workflow.revisions.begin(), workflow.revisions.end(), [&](const chain_revision& one) { return one.id == id; });
  };
  const auto own = find(item.revision);
  const auto other = find(revision);
  if (own == workflow.revisions.end() || other == workflow.revisions.end() || step >= other->steps.size()) return std::nullopt;
  const auto same = std::find_if(own->steps.begin(), own->steps.end(),
                                 [&](const step_identity& one) { return one.name == other->steps[step].name; });
  if (same == own->steps.end()) return std::nullopt;
  return static_cast<std::size_t>(same - own->steps.begin());
}

const workflow_record& workflow_named(std::span<const workflow_record> known, std::string_view name) {
  for (const workflow_record& one : known)
    if (one.name == name) return one;
  std::string names;
  for (std::size_t i = 0; i < known.size() && i < names_told_max; ++i)
    names += (i == 0 ? "'" : ", '") + printable(known[i].name) + "'";
  throw error(errc::not_found, "state: there is no workflow '" + printable(name) + "'; " +
                                   (names.empty() ? "the state has none yet" : "the state has " + names));
}

}  // namespace pawl::core
