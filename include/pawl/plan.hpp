// What a run would do with the items that are recorded, before it does it.
#pragma once

#include <pawl/report.hpp>

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace pawl {

/// engine::plan's answer: how many recorded items of a workflow get which verdict under the chain of today. Items that are not recorded yet are in no count: a run starts them.
struct plan {
  std::string workflow;
  std::string made_at;               ///< UTC, "2026-11-23T07:30:00Z"; what a run did since then is not in it
  std::vector<std::string> changes;  ///< what differs from the chains under which items are recorded; empty: nothing

  std::uint64_t start = 0;         ///< nothing completed: from the first step
  std::uint64_t go_on = 0;         ///< from the step that they had reached
  std::uint64_t redo_pure = 0;     ///< some pure steps are done again, no effect is repeated
  std::uint64_t redo_effects = 0;  ///< recorded effects are repeated, as on_changed_chain = rerun allows
  std::uint64_t held = 0;          ///< would stop: going on would repeat recorded effects, or one whose outcome is unknown
  std::uint64_t stay = 0;          ///< done, skipped or failed for good, and left so

  std::vector<std::string> done_again;      ///< "step 2 'transform' for 17 items", by first step done again
  std::vector<report_entry> first_held;     ///< at most 20
};

std::ostream& operator<<(std::ostream& out, const plan& what);
[[nodiscard]] std::string to_string(const plan& what);
[[nodiscard]] std::string to_json(const plan& what);

}  // namespace pawl
