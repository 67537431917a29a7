// sentence: pawl: the name of a workflow has a slash in it
// names: slash_in_workflow_name<the_workflow<text<'f','l','o','w','/','a'>>>
#include "support.hpp"

const auto flow = pawl::workflow<"flow/a">(pawl::step<"read">([](const url&) { return page{}; }));
