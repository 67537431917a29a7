// sentence: pawl: the function of a batch returns nothing, or a std::vector with one result
// names: batch_returns_no_results<the_step<text<'w','r','i','t','e'>>,returns<record>>
#include "support.hpp"

#include <pawl/batch.hpp>

const auto write = pawl::batch<"write">([](pawl::batch_view<page>) { return record{}; });
