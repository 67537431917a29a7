// plan(): the verdict on every recorded item, before anything runs.
#pragma once

#include "store/backend.hpp"

#include <pawl/options.hpp>
#include <pawl/plan.hpp>

#include <filesystem>

namespace pawl::core {

[[nodiscard]] plan make_plan(backend& store, const detail::chain& chain, const run_options& options);

// Writes it into the state's plan_file (left_plans.hpp) for `pawl plan`; replaces the plan of the same workflow. Throws
// pawl::error (damaged, io), as read_left_plans.
void leave_plan(const std::filesystem::path& state, const plan& made);

}  // namespace pawl::core
