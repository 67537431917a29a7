// sentence: pawl: .idempotent() is for an effect that may be repeated; a pure step has none
// names: idempotent_on_pure<the_step<text<'p','a','r','s','e'>>>
#include "support.hpp"

const auto parse = pawl::pure<"parse">([](const page&) { return record{}; }).idempotent();
