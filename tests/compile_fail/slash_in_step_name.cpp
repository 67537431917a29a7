// sentence: pawl: the name of a step has a slash in it
// names: slash_in_step_name<the_step<text<'r','o','w','s','/','a'>>>
#include "support.hpp"

const auto flow = pawl::workflow<"flow">(pawl::step<"rows/a">([](const url&) { return page{}; }));
