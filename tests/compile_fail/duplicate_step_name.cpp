// sentence: pawl: two steps of one workflow have the same name
// names: duplicate_step_name<text<'r','e','a','d'>>
#include "support.hpp"

const auto flow =
    pawl::workflow<"flow">(pawl::step<"read">([](const url&) { return page{}; }),
                           pawl::step<"other">([](const page&) {}), pawl::step<"read">([](const page&) {}));
