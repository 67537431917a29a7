// sentence: pawl: children are recorded before the first of them starts, and their input cannot be
// names: children_have_no_codec<the_step<text<'r','o','w','s'>>,handle,
#include "support.hpp"

#include <pawl/each.hpp>

struct handle {
  int* at;
};
const auto row = pawl::workflow<"row">(pawl::step<"keep">([](const handle&) {}));
const auto rows = pawl::each<"rows">([](const url&) { return std::vector<handle>{}; }, row);
