// sentence: pawl: a step does not accept what arrives at it
// names: the_result_of<text<'r','e','a','d'>,page>
// names: is_not_accepted_by<text<'w','r','i','t','e'>,constrecord&>
#include "support.hpp"

const auto flow =
    pawl::workflow<"flow">(pawl::step<"read">([](const url&) { return page{}; }), pawl::step<"log">([](const page&) {}),
                           pawl::step<"write">([](const record&) {}));
