// What the commands that change a state have in common: they own it for a moment.
#pragma once

#include <pawl/amend.hpp>
#include <pawl/engine.hpp>

#include <string>

namespace pawl::cli {

// The engine of an existing state, in the durability in which it was opened last; warnings go to standard error.
// Refused (state_in_use) while a program has it open. No state_view of it may be alive.
[[nodiscard]] engine own_state(const std::string& state);

// Names an item that was left as it was on standard error.
void complain_of_left(const report_entry& item);

// "crawl: 12 CHANGED; 3 UNCHANGED; 2 left as they were".
[[nodiscard]] std::string amended_text(const amend_report& made, const std::string& changed,
                                       const std::string& unchanged);

}  // namespace pawl::cli
