// Workflows and their revisions: what every backend does alike.
#pragma once

#include "store/backend.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace pawl::core {

// Makes `opened` the workflow of this name among `known` (ids ascending), or a new one with the next id;
// its `current` is the revision equal to `chain`, or a new one at the end. Returns how many revisions
// there were before: as many as now where nothing is new, 0 where the workflow is.
// Throws pawl::error(too_large) where a state has no room for another one.
std::size_t open_among(std::span<const workflow_record> known, std::string_view name, const chain_revision& chain,
                       workflow_record& opened);

// The id that a new item gets, `next` being the first that nobody had. Throws pawl::error(bad_argument) where there is
// none left, as in a state that was forged.
[[nodiscard]] item_id id_for_new(std::string_view workflow, item_id next);

// Adds the items of one revision, counted by `reached`, to the steps of the newest revision that they
// have completed: a step is the same where its name is.
void add_completed(const workflow_record& workflow, const chain_revision& revision,
                   std::span<const std::uint64_t> histogram, workflow_counts& into);

// Which step of the revision that the item is recorded under this one of `revision` is, by its name; so many steps the item
// has completed where it stands at it. Nothing where there is none of that name, or one of the revisions is not known.
[[nodiscard]] std::optional<std::size_t> step_in_own_revision(const workflow_record& workflow, const stored_item& item,
                                                              revision_id revision, std::size_t step);

// The workflow of that name. Throws pawl::error(not_found) with the names that there are.
[[nodiscard]] const workflow_record& workflow_named(std::span<const workflow_record> known, std::string_view name);

}  // namespace pawl::core
