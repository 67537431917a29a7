// pawl::compact.
#include <pawl/maintain.hpp>

#include "lmdb/rewrite.hpp"
#include "maintain/existing_state.hpp"

namespace pawl {

compact_report compact(const std::filesystem::path& state, const tell_maintain& progress) {
  core::copy_plan plan;
  plan.progress = progress;
  const core::rewritten done = core::rewrite_data(core::existing_state(state), plan);
  return {done.bytes_before, done.bytes_after};
}

}  // namespace pawl
