// sentence: pawl: a step does not accept what arrives at it
// names: is_not_accepted_by<text<'o','p','e','n'>,constchar*>
#include "support.hpp"

const auto flow = pawl::workflow<"flow">(pawl::step<"name">([](const url& u) { return u.text; }),
                                         pawl::step<"open">([](const char*) {}));
