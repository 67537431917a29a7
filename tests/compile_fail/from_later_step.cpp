// sentence: pawl: a step asks by pawl::from for its own result or that of a later step
// names: the_step<text<'r','e','a','d'>>
// names: asks_for<text<'p','a','r','s','e'>>
#include "support.hpp"

const auto flow =
    pawl::workflow<"flow">(pawl::step<"read">([](const url&, pawl::from<"parse", record>) { return page{}; }),
                           pawl::pure<"parse">([](const page&) { return record{}; }));
