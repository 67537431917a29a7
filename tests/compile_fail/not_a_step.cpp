// sentence: pawl: a workflow is made of steps
// names: not_a_step<the_step_in_place<2
// names: page(*)(consturl&)
#include "support.hpp"

page fetch(const url&);
const auto flow = pawl::workflow<"flow">(pawl::step<"read">([](const url&) { return page{}; }), &fetch);
