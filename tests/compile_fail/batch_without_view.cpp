// sentence: pawl: the function of a batch takes pawl::batch_view<T> of what arrives
// names: batch_takes_no_view<the_step<text<'w','r','i','t','e'>>,
#include "support.hpp"

#include <pawl/batch.hpp>

const auto write = pawl::batch<"write">([](const std::vector<page>&) {});
