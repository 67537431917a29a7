// sentence: pawl: two branches of a parallel step have the same name
// names: duplicate_branch_name<the_step<text<'b','o','t','h'>>,the_step_in_place<2
#include "support.hpp"

#include <pawl/parallel.hpp>

const auto both = pawl::parallel<"both">(pawl::step<"a">([](const std::string&) { return 1; }),
                                         pawl::step<"a">([](const std::string&) { return 2; }));
