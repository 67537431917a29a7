// sentence: pawl: the source of a run is a range
// names: source_is_no_range<page
#include <pawl/source.hpp>
#include "support.hpp"

page one;
auto held = pawl::detail::hold_source<url>(one);
