// Folding: a row and a checkpoint give the next row.
//
// The one place that says what a checkpoint does to an item; a pure function,
// used by every backend and by replay. Its rules:
//
//   - A checkpoint whose sequence is not above the row's is old news: nothing
//     changes (durability rule 8). So folding may be repeated.
//   - State is replaced; what was recorded of steps (times, kept results) stays.
//   - The latest result replaces the one before, unless that one is kept. A step
//     without a result leaves the latest result as it is.
//   - done: the input and the error go; the latest result goes if the checkpoint
//     says `discard`; kept results stay.
//   - skipped: the input and the latest result go; kept results stay.
//   - failed: everything that is needed to go on stays.
//   - reset: results of steps >= the step that comes next go, and what is left
//     of the kept ones with the highest number becomes the latest.
#pragma once

#include "record/row.hpp"

namespace pawl::core {

// Errors and reasons are cut to this size: a row is read and written whole.
inline constexpr std::size_t error_size_max = 16 * 1024;

// Folds `next` into `now` (sequence 0: no row yet) and says whether anything changed. Afterwards
// `now` has views into next's text and payload. Throws pawl::error(damaged) where the checkpoint
// cannot follow the row; `now` means nothing then.
bool fold(row& now, const checkpoint& next);

}  // namespace pawl::core
