// sentence: pawl: the source gives elements that the workflow does not take as input without narrowing
// names: gives<std::unique_ptr<int
#include <pawl/source.hpp>
#include "support.hpp"

std::vector<std::unique_ptr<int>> owners;
auto held = pawl::detail::hold_source<std::unique_ptr<int>>(owners);
