#include "store/walk.hpp"

#include <pawl/error.hpp>

namespace pawl::core {
namespace {

constexpr std::size_t rows_in_a_snapshot_max = 8192;

// A scan ends at a damaged row without telling which it is: the first from here on that cannot be loaded. False where
// there is none, so that something else is damaged.
bool step_over_damage(snapshot& view, workflow_id workflow, item_id& from, item_id end, const walker& with) {
  stored_item item;
  for (; from < end; ++from) {
    try {
      static_cast<void>(view.load(workflow, from, item));
    } catch (const error& failure) {
      if (failure.code() != errc::damaged) throw;
      with.damaged(from++, failure.what());
      return true;
    }
  }
  return false;
}

}  // namespace

bool walk(snapshot& view, workflow_id workflow, item_id& from, item_id end, const item_state* state,
          const walker& with) {
  std::size_t rows = 0;
  bool more = false;
  try {
    view.scan(workflow, from, state, [&](const stored_item& item) {
      if (item.id >= end) return false;
      from = item.id + 1;
      more = !with.each(item) || ++rows == rows_in_a_snapshot_max;
      return !more;
    });
    return more;
  } catch (const error& failure) {
    if (failure.code() != errc::damaged || !step_over_damage(view, workflow, from, end, with)) throw;
    return true;
  }
}

}  // namespace pawl::core
