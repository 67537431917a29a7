// sentence: pawl: a step asks by pawl::from for the result of a step that does not exist
// names: the_step<text<'w','r','i','t','e'>>
// names: asks_for<text<'r','e','e','d'>>
#include "support.hpp"

const auto flow = pawl::workflow<"flow">(pawl::step<"read">([](const url&) { return page{}; }),
                                         pawl::step<"write">([](const page&, pawl::from<"reed", page>) {}));
