// sentence: pawl: a parallel is made of two or more steps
// names: parallel_takes_steps<the_step<text<'b','o','t','h'>>,
#include "support.hpp"

#include <pawl/parallel.hpp>

const auto both = pawl::parallel<"both">(pawl::step<"read">([](const url&) { return page{}; }));
