// sentence: pawl: a step's result cannot be recorded
// names: the_step<text<'r','e','a','d'>>
#include "support.hpp"

const auto flow = pawl::workflow<"flow">(pawl::step<"read">([](const url& u) { return std::string_view(u.text); }));
