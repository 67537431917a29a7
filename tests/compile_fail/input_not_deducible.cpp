// sentence: pawl: the first step does not tell its input
// names: the_step<text<'r','e','a','d'>>
#include "support.hpp"

const auto flow = pawl::workflow<"flow">(pawl::step<"read">([](const auto& u) { return u.text; }),
                                         pawl::step<"write">([](const std::string&) {}));
