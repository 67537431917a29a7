// sentence: pawl: a step does not accept what arrives at it
// names: neighbours_do_not_fit<the_result_of<text<'r','e','a','d'>,page>,is_not_accepted_by<text<'w','r','i','t','e'>,constrecord&>>
#include "support.hpp"

#include <pawl/batch.hpp>

const auto flow = pawl::workflow<"flow">(pawl::step<"read">([](const url&) { return page{}; }),
                                         pawl::batch<"write">([](pawl::batch_view<record>) {}));
