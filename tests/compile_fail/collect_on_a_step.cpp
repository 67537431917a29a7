// sentence: pawl: .collect(), .count_failures() and .reproducible() are for a pawl::each
// names: modifier_of_an_each<the_step<text<'r','e','a','d'>>
#include "support.hpp"

const auto read = pawl::step<"read">([](const url&) { return page{}; }).collect();
