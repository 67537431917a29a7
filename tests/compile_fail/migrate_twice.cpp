// sentence: pawl: a step has two .migrate that take the same type; drop one
// names: duplicate_migration<the_step<text<'r','e','a','d'>>,record>
#include "support.hpp"

const auto read = pawl::step<"read">([](const url&) { return page{}; })
                      .version(1)
                      .migrate([](const record&) { return page{}; })
                      .migrate([](record) { return page{}; });
