// sentence: pawl: a step takes more than one value
// names: the_step<text<'m','e','r','g','e'>>
// names: which_takes<constpage&>
#include "support.hpp"

const auto flow = pawl::workflow<"flow">(pawl::step<"read">([](const url&) { return page{}; }),
                                         pawl::step<"merge">([](const page&, const url&) {}));
