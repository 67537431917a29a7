// plan(): the verdict on every recorded item, before anything runs.
#pragma once

#include "store/backend.hpp"

#include <pawl/options.hpp>
#include <pawl/plan.hpp>

#include <filesystem>

namespace pawl::core {

[[nodiscard]] plan make_plan(backend& store, const detail::chain& chain, const run_options& options);

// The file in a state directory in which the last plan of each workflow lies, one JSON object a line.
inline constexpr const char* plan_file = "plan.json";

// Writes it there for `pawl plan`; replaces the plan of the same workflow.
void leave_plan(const std::filesystem::path& state, const plan& made);

}  // namespace pawl::core
