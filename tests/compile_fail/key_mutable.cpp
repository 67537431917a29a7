// sentence: pawl: .key(projection) must be callable through const
// names: projection_not_callable<the_input<url>
#include "support.hpp"

const auto flow = pawl::workflow<"flow">(pawl::step<"read">([](const url&) {
                    return page{};
                  })).key([n = 0](const url&) mutable { return ++n; });
