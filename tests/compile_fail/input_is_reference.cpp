// sentence: pawl: the input of a workflow must be a plain object type
// names: the_workflow<text<'f','l','o','w'>>
#include "support.hpp"

const auto flow = pawl::workflow<"flow", const url&>(pawl::step<"read">([](const url&) {}));
