// Walking over the items of a workflow: a bounded stretch in one snapshot, past rows that cannot be read.
#pragma once

#include "store/backend.hpp"

#include <functional>
#include <string>

namespace pawl::core {

struct walker {
  // False: enough for now. Throws nothing that says damaged, which would be taken for the row's.
  std::function<bool(const stored_item&)> each;
  // A row that cannot be read, and why: it is passed over.
  std::function<void(item_id, const std::string&)> damaged;
};

// Goes through the items with an id in [from, end), ascending; `from` moves behind the last one looked at.
// `state`: only those, as snapshot::scan has it. Looks at some thousands at most: a snapshot is not to be held for
// long. False where there is nothing more.
[[nodiscard]] bool walk(snapshot& view, workflow_id workflow, item_id& from, item_id end, const item_state* state,
                        const walker& with);

}  // namespace pawl::core
