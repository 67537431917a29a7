// sentence: pawl: the function of a pawl::loop takes its state by non-const reference
// names: the_step<text<'g','o'>>
// names: which_takes<consturl&>
#include "support.hpp"

#include <pawl/loop.hpp>

const auto flow = pawl::workflow<"flow", url>(pawl::loop<"go">([](const url&) { return pawl::round::done; }));
