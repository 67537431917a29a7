// sentence: pawl: a step asks by pawl::from for the result of a step that returns another type
// names: the_step<text<'w','r','i','t','e'>>
// names: returns<void>
#include "support.hpp"

const auto flow = pawl::workflow<"flow">(pawl::step<"log">([](const url&) {}),
                                         pawl::step<"write">([](const url&, pawl::from<"log", url>) {}));
