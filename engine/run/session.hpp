// One run of a workflow over a source, or over what is unfinished in the state, from the first worker to the report.
#pragma once

#include "run/run_state.hpp"
#include "run/unfinished.hpp"

#include <pawl/report.hpp>

namespace pawl::core {

// Blocks until the run is over; the caller's thread is one of the workers. Throws pawl::error where the run
// could not go on; what was acknowledged until then is recorded.
[[nodiscard]] report run_session(run_state& run, const detail::erased_source& source);
[[nodiscard]] report run_session(run_state& run, unfinished_items& source);

}  // namespace pawl::core
