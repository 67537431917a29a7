// sentence: pawl: the source gives elements that the workflow does not take as input without narrowing
// names: gives<constpage&>
// names: which_takes<url>
#include <pawl/source.hpp>
#include "support.hpp"

const std::vector<page> pages;
auto held = pawl::detail::hold_source<url>(pages);
