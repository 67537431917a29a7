// sentence: pawl: a step's function must be callable through const
// names: the_step<text<'w','r','i','t','e'>>
#include "support.hpp"

#include <pawl/batch.hpp>

const auto flow = pawl::workflow<"flow">(pawl::batch<"write">([n = 0](pawl::batch_view<page>) mutable { ++n; }));
