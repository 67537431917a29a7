// sentence: pawl: a step's function must be callable through const
// names: the_step<text<'r','e','a','d'>>
#include "support.hpp"

const auto flow = pawl::workflow<"flow", url>(pawl::step<"read">([n = 0](const auto&) mutable { return ++n; }));
