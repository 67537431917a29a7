// sentence: pawl: a step would silently convert what arrives at it
// names: the_result_of<text<'m','e','a','n'>,double>
// names: would_be_converted_by<text<'r','o','u','n','d'>,int>
#include "support.hpp"

int plus(int a, int b);
const auto flow = pawl::workflow<"flow">(pawl::step<"mean">([](const url&) { return 0.5; }),
                                         pawl::step<"round">(std::bind_front(&plus, 1)));
