// sentence: pawl: a step takes its context as pawl::context&
// names: the_step<text<'r','e','a','d'>>
#include "support.hpp"

const auto flow = pawl::workflow<"flow">(pawl::step<"read">([](const url&, pawl::context&&) {}));
