// sentence: pawl: pawl::generate(fn) takes a function without parameters that returns std::optional<In>
// names: generator_gives_no_optional
#include <pawl/source.hpp>
#include "support.hpp"

auto source = pawl::generate([] { return 1; });
