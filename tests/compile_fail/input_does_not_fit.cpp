// sentence: pawl: a step does not accept what arrives at it
// names: the_input<url>
// names: is_not_accepted_by<text<'r','e','a','d'>,constpage&>
#include "support.hpp"

const auto flow = pawl::workflow<"flow", url>(pawl::step<"read">([](const page&) {}));
