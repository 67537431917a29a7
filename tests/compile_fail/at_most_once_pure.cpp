// sentence: pawl: .at_most_once() is for an effect that must not be repeated; a pure step has none
// names: at_most_once_on_pure<the_step<text<'p','a','r','s','e'>>>
#include "support.hpp"

const auto parse = pawl::pure<"parse">([](const page&) { return record{}; }).at_most_once();
