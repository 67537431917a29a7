// sentence: pawl: the name of a step is empty
// names: empty_step_name<the_step_in_place<2
#include "support.hpp"

const auto flow =
    pawl::workflow<"flow">(pawl::step<"read">([](const url&) { return page{}; }), pawl::step<"">([](const page&) {}));
