// sentence: pawl: a step returns a reference
// names: the_step<text<'r','e','a','d'>>
#include "support.hpp"

const auto flow = pawl::workflow<"flow", url>(pawl::step<"read">([](const auto& u) -> const auto& { return u.text; }),
                                              pawl::step<"after">([](const std::string&) {}));
