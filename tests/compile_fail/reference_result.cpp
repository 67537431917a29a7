// sentence: pawl: a step returns a reference
// names: the_step<text<'r','e','a','d'>>
// names: returns<conststd::
#include "support.hpp"

const auto flow = pawl::workflow<"flow">(pawl::step<"read">([](const url& u) -> const std::string& { return u.text; }));
