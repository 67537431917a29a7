// Items page after page, for commands that print many.
#pragma once

#include "cli/output.hpp"

#include <pawl/inspect.hpp>

#include <algorithm>
#include <cstddef>
#include <string>

namespace pawl::cli {

inline constexpr std::size_t no_limit = 0;

// Calls `each` with every page of what the query chooses, `limit` items in all, and gives where the last one
// ended. Damaged items are named on standard error.
template <class Each>
std::string for_each_page(const state_view& state, item_query query, std::size_t limit, bool& damaged, Each&& each) {
  constexpr std::size_t page_size = 1000;
  std::size_t left = limit;
  for (;;) {
    query.limit = limit == no_limit ? page_size : std::min(left, page_size);
    const item_page page = state.items(query);
    for (const damaged_item& one : page.damaged) {
      complain("damaged item " + std::to_string(one.id) + " of workflow '" + one.workflow + "': " + one.sentence);
      damaged = true;
    }
    each(page);
    query.after = page.next;
    if (limit != no_limit) left -= std::min(left, page.items.size() + page.damaged.size());
    if (page.next.empty() || (limit != no_limit && left == 0)) return page.next;
  }
}

}  // namespace pawl::cli
