// sentence: pawl: a step takes its input by non-const reference
// names: the_step<text<'r','e','a','d'>>
// names: which_takes<url&>
#include "support.hpp"

const auto flow = pawl::workflow<"flow">(pawl::step<"read">([](url&) {}));
