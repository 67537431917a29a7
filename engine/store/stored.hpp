// A row as the seam shows it.
#pragma once

#include "record/row.hpp"
#include "store/backend.hpp"

namespace pawl::core {

// Replaces `into` by what `from` says; views stay those of the row.
void show_row(const row& from, item_id id, stored_item& into);

}  // namespace pawl::core
