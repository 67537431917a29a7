// sentence: pawl: the function of a pawl::loop returns pawl::round::again or pawl::round::done
// names: the_step<text<'g','o'>>
// names: returns<bool>
#include "support.hpp"

#include <pawl/loop.hpp>

const auto flow = pawl::workflow<"flow", url>(pawl::loop<"go">([](auto& u) { return u.seen; }));
