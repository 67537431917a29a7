// sentence: pawl: the source of an each gives what the workflow of the children does not take
// names: each_source_does_not_fit<the_step<text<'r','o','w','s'>>,
#include "support.hpp"

#include <pawl/each.hpp>

const auto row = pawl::workflow<"row">(pawl::step<"keep">([](int) {}));
const auto rows = pawl::each<"rows">([](const url&) { return std::vector<double>{}; }, row);
