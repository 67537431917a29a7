// sentence: pawl: the source of an each returns the inputs of its children
// names: each_source_gives_nothing<the_step<text<'r','o','w','s'>>,returns<int>
#include "support.hpp"

#include <pawl/each.hpp>

const auto row = pawl::workflow<"row">(pawl::step<"keep">([](int) {}));
const auto rows = pawl::each<"rows">([](const url&) { return 1; }, row);
