// sentence: pawl: the source gives elements that the workflow does not take as input without narrowing
// names: gives<constdouble&>
// names: which_takes<int>
#include <pawl/source.hpp>
#include "support.hpp"

const std::vector<double> numbers;
auto held = pawl::detail::hold_source<int>(numbers);
