// sentence: pawl: a step asks for pawl::transaction&, which only a transactional step has
// names: the_step<text<'b','o','o','k'>>
#include "support.hpp"

const auto flow = pawl::workflow<"flow", url>(pawl::pure<"book">([](const auto&, pawl::transaction&) {}));
