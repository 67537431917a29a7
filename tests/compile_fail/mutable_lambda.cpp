// sentence: pawl: a step's function must be callable through const
// names: the_step<text<'r','e','a','d'>>
#include "support.hpp"

const auto flow = pawl::workflow<"flow">(pawl::step<"read">([n = 0](const url&) mutable { return ++n; }));
