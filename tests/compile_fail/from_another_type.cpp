// sentence: pawl: a step asks by pawl::from for the result of a step that returns another type
// names: the_step<text<'w','r','i','t','e'>>,asks_for_result<text<'r','e','a','d'>,record>,returns<page>
#include "support.hpp"

const auto flow = pawl::workflow<"flow">(pawl::step<"read">([](const url&) { return page{}; }),
                                         pawl::step<"write">([](const page&, pawl::from<"read", record>) {}));
