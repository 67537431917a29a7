// Changing stored items from outside of a run: rerun, retry, skip.
//
// What is written are checkpoints like those of a run, so the rest of the engine
// need not know. No run of the workflow may be under way.
#pragma once

#include "store/backend.hpp"

#include <pawl/amend.hpp>
#include <pawl/detail/erased.hpp>

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pawl::core {

// Where the checkpoints go: to store.commit, at a time when nobody else calls it.
using commit_group = std::function<void(std::span<const std::byte> group)>;

// Sets items back to the step of that name. `keys`: typed; empty: all. `chain`: today's, where it is known, for values
// that later steps read. Throws pawl::error (not_found, and what the storage throws).
[[nodiscard]] amend_report rerun_items(backend& store, const commit_group& commit, std::string_view workflow,
                                       const detail::chain* chain, std::string_view from_step,
                                       const std::vector<std::string>& keys, const rerun_options& options);

// Makes failed items unfinished.
[[nodiscard]] amend_report reopen_items(backend& store, const commit_group& commit, std::string_view workflow,
                                        const std::vector<std::string>& keys, const reopen_options& options);

// Makes an unfinished or failed item skipped.
void skip_item(backend& store, const commit_group& commit, std::string_view workflow, const std::string& key,
               std::string_view reason);

}  // namespace pawl::core
