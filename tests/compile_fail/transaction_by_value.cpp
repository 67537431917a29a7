// sentence: pawl: a step takes its transaction as pawl::transaction&
// names: the_step<text<'b','o','o','k'>>
#include "support.hpp"

const auto flow = pawl::workflow<"flow">(pawl::transactional<"book">([](const url&, pawl::transaction&&) {}));
