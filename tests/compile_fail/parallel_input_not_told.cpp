// sentence: pawl: no branch of a parallel tells what arrives
// names: parallel_input_not_deducible<the_step<text<'b','o','t','h'>>
#include "support.hpp"

#include <pawl/parallel.hpp>

const auto both = pawl::parallel<"both">(pawl::step<"a">([](const auto& u) { return u.text; }),
                                         pawl::step<"b">([](const auto& u) { return u.seen; }));
