// Items page after page, for commands that print many.
#pragma once

#include "cli/output.hpp"

#include <pawl/inspect.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

namespace pawl::cli {

inline constexpr std::size_t no_limit = 0;

// Some value of the item cannot be read.
[[nodiscard]] inline bool has_damaged_value(const item_view& item) {
  const auto bad = [](const value_view& one) { return one.damaged; };
  return (item.input && item.input->damaged) || (item.result && item.result->damaged) ||
         std::any_of(item.kept.begin(), item.kept.end(), bad);
}

// Leaves of it what anyone may see: errors of steps may quote what they worked on.
inline void hide_values(item_view& item) {
  static constexpr const char* hidden = "left out, by --no-values or PAWL_NO_VALUES";
  const auto hide = [](value_view& one) {
    one.json.clear();
    one.problem = hidden;
  };
  if (item.input) hide(*item.input);
  if (item.result) hide(*item.result);
  for (value_view& one : item.kept) hide(one);
  if (!item.error.empty()) item.error = hidden;
}

// Calls `each` with every page of what the query chooses, `limit` items in all, and gives where the last one
// ended. Damaged items are named on standard error.
template <class Each>
std::string for_each_page(const state_view& state, item_query query, std::size_t limit, bool no_values, bool& damaged,
                          Each&& each) {
  constexpr std::size_t page_size = 1000;
  std::size_t left = limit;
  for (;;) {
    query.limit = limit == no_limit ? page_size : std::min(left, page_size);
    item_page page = state.items(query);
    for (const damaged_item& one : page.damaged) {
      complain("damaged item " + std::to_string(one.id) + " of workflow '" + one.workflow + "': " + one.sentence);
      damaged = true;
    }
    damaged = damaged || std::any_of(page.items.begin(), page.items.end(), has_damaged_value);
    if (no_values) std::for_each(page.items.begin(), page.items.end(), hide_values);
    each(std::as_const(page));
    query.after = page.next;
    if (limit != no_limit) left -= std::min(left, page.items.size() + page.damaged.size());
    if (page.next.empty() || (limit != no_limit && left == 0)) return page.next;
  }
}

}  // namespace pawl::cli
