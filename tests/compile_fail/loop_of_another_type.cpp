// sentence: pawl: a step does not accept what arrives at it
// names: the_result_of<text<'r','e','a','d'>,page>
// names: is_not_accepted_by<text<'g','o'>,url&&>
#include "support.hpp"

#include <pawl/loop.hpp>

const auto flow = pawl::workflow<"flow">(pawl::step<"read">([](const url&) { return page{}; }),
                                         pawl::loop<"go">([](url&) { return pawl::round::done; }));
