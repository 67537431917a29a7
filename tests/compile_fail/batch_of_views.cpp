// sentence: pawl: the entries of a batch are the values that arrive, not views of them
// names: batch_of_views<the_step<text<'w','r','i','t','e'>>,std::basic_string_view<char
#include "support.hpp"

#include <pawl/batch.hpp>

const auto write = pawl::batch<"write">([](pawl::batch_view<std::string_view>) {});
