// sentence: pawl: a key is text or an integer; bool and floating point
// names: the_input<url>
// names: returns<bool>
#include "support.hpp"

const auto flow = pawl::workflow<"flow">(pawl::step<"read">([](const url&) { return page{}; })).key(&url::seen);
