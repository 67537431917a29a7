// sentence: pawl: the name of a workflow is empty
// names: empty_workflow_name
#include "support.hpp"

const auto flow = pawl::workflow<"">(pawl::step<"read">([](const url&) { return page{}; }));
