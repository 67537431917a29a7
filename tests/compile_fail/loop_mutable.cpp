// sentence: pawl: a step's function must be callable through const
// names: the_step<text<'g','o'>>
#include "support.hpp"

#include <pawl/loop.hpp>

const auto flow = pawl::workflow<"flow", url>(pawl::loop<"go">([n = 0](url&) mutable { return ++n, pawl::round::done; }));
