// Retention: which done items may go, and that they do.
//
// The rule about time (durability rule 27): an item is too old only where two readings of the clock say so, one of which
// an earlier run recorded. So no jump of the clock removes anything in the run in which it happens.
//
// Everything that is recorded of the workflow must be settled, and no run of it may be under way.
#pragma once

#include "store/backend.hpp"

#include <pawl/amend.hpp>
#include <pawl/detail/erased.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace pawl::core {

// Microseconds of the Unix epoch.
struct clock_readings {
  std::uint64_t now_us = 0;
  std::uint64_t run_began_us = ~std::uint64_t{0};  // what was recorded from then on is this run's own
};

struct prune_how {
  bool dry_run = false;
  std::size_t found_at_once = std::size_t{1} << 20;  // items of 16 bytes; for each such number all are looked at once more
  std::function<bool()> enough{};  // true: end soon; what was removed until then is counted
};

// To the letter. Throws pawl::error (not_found, and what the storage throws).
[[nodiscard]] prune_report prune_items(backend& store, std::string_view workflow, const detail::retain_rule& rule,
                                       const clock_readings& clock, const prune_how& how = {});

// Has a sixteenth more gathered than is to be kept? Known without looking at an item, so that looking at all of them after
// many a short run costs each new item a few looks, and not each run all of them.
[[nodiscard]] bool worth_pruning(const workflow_record& workflow, const workflow_counts& counts,
                                 const detail::retain_rule& rule, std::uint64_t now_us);

}  // namespace pawl::core
