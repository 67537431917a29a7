// What verify, compact and backup have in common.
#pragma once

#include <pawl/maintain.hpp>

namespace pawl::cli {

// A line on standard error that is drawn over itself, once it has taken a second; nothing where that is no terminal.
[[nodiscard]] tell_maintain progress_line();

}  // namespace pawl::cli
