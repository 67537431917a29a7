// sentence: pawl: .at_most_once() is for a pawl::step: a pure step has no effect
// names: at_most_once_on_another_kind<the_step<text<'p','a','r','s','e'>>>
#include "support.hpp"

const auto parse = pawl::pure<"parse">([](const page&) { return record{}; }).at_most_once();
