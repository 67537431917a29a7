// sentence: pawl: the first step does not tell its input
// names: the_step<text<'r','e','a','d'>>
#include "support.hpp"

const auto flow = pawl::workflow<"flow">(pawl::step<"read">([](pawl::context&) { return 1; }));
