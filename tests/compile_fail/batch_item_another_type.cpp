// sentence: pawl: a step asks for pawl::item<T>, and T is not the type of the workflow's input
// names: item_is_another_type<the_step<text<'w','r','i','t','e'>>,which_takes<item<record>>,the_input<url>>
#include "support.hpp"

#include <pawl/batch.hpp>

const auto flow = pawl::workflow<"flow">(pawl::step<"read">([](const url&) { return page{}; }),
                                         pawl::batch<"write">([](pawl::batch_view<page, pawl::item<record>>) {}));
