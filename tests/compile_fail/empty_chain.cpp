// sentence: pawl: a workflow needs at least one step
// names: empty_chain<the_workflow<text<'f','l','o','w'>>>
#include "support.hpp"

const auto flow = pawl::workflow<"flow">();
