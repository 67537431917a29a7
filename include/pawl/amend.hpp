// Changing stored items from outside of a run: what engine::rerun, retry, skip and
// prune take and give. What the first two set back, the next run() or resume() does.
#pragma once

#include <pawl/any_key.hpp>
#include <pawl/report.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace pawl {

/// Called with each item that is left as it was, and why; by the thread that called the engine. What it throws ends
/// the call: what was changed until then stays changed.
using tell_left = std::function<void(const report_entry&)>;

/// Which items engine::rerun sets back.
struct rerun_options {
  std::vector<any_key> keys{};        ///< only these; empty: all
  std::optional<item_state> state{};  ///< only items in this state
  bool dry_run = false;               ///< count and tell, and change nothing
  tell_left on_left{};
};

/// Which failed items engine::retry opens again.
struct reopen_options {
  std::vector<any_key> keys{};  ///< only these, sticky or not; empty: all
  bool sticky = false;          ///< also those whose failure is sticky: that later runs leave alone
  bool dry_run = false;         ///< count and tell, and change nothing
  tell_left on_left{};
};

/// items == changed + unchanged + left.
struct amend_report {
  std::string workflow;
  std::uint64_t items = 0;      ///< those that the options choose
  std::uint64_t changed = 0;    ///< set back or opened again; of a dry run: would be
  std::uint64_t unchanged = 0;  ///< rerun: they come to that step anyway. retry: sticky ones that were not asked for
  std::uint64_t left = 0;       ///< could not be changed, and are as they were
  std::vector<report_entry> first_left;  ///< at most 20 of those, each with the reason
};

/// What engine::prune did. removed == by_age + by_count.
struct prune_report {
  std::string workflow;
  std::uint64_t done = 0;      ///< done items before it
  std::uint64_t removed = 0;   ///< of those; of a dry run: would be
  std::uint64_t by_age = 0;    ///< because they ended longer ago than retain_options::done_for
  std::uint64_t by_count = 0;  ///< because there were more than retain_options::done_at_most
  std::uint64_t doubted = 0;   ///< kept, though too old by the clock now: no earlier run recorded a time that says so
};

}  // namespace pawl
