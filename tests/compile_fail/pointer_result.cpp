// sentence: pawl: a step's result cannot be recorded
// names: the_step<text<'r','e','a','d'>>
// names: returns<constpage*>
#include "support.hpp"

const auto flow = pawl::workflow<"flow">(pawl::step<"read">([](const url&) -> const page* { return nullptr; }));
