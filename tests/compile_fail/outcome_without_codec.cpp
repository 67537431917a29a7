// sentence: pawl: a step's result cannot be recorded
// names: the_step<text<'r','e','a','d'>>
// names: returns<int*>
#include "support.hpp"

const auto flow = pawl::workflow<"flow">(pawl::step<"read">([](const url&) -> pawl::outcome<int*> { return nullptr; }));
