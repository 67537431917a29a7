// sentence: pawl: the second argument of an each is the workflow of its children
// names: each_takes_no_workflow<the_step<text<'r','o','w','s'>>,
#include "support.hpp"

#include <pawl/each.hpp>

const auto rows = pawl::each<"rows">([](const url&) { return std::vector<int>{}; }, pawl::step<"keep">([](int) {}));
