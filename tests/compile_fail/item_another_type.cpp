// sentence: pawl: a step asks for pawl::item<T>, and T is not the type of the workflow's input
// names: the_step<text<'w','r','i','t','e'>>
// names: which_takes<item<page>>
// names: the_input<url>
#include "support.hpp"

const auto flow = pawl::workflow<"flow">(pawl::step<"read">([](const url&) { return page{}; }),
                                         pawl::step<"write">([](const page&, pawl::item<page>) {}));
