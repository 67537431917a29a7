// sentence: pawl: the source of an each is a function that takes what arrives
// names: each_source_is_generic<the_step<text<'r','o','w','s'>>,
#include "support.hpp"

#include <pawl/each.hpp>

const auto row = pawl::workflow<"row">(pawl::step<"keep">([](int) {}));
const auto rows = pawl::each<"rows">([](const auto&) { return std::vector<int>{}; }, row);
