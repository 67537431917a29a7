// sentence: pawl: .migrate takes what an older version returned, and a value of this type cannot have been recorded
// names: migration_from_no_record<the_step<text<'r','e','a','d'>>,std::unique_ptr<page>
#include "support.hpp"

const auto read = pawl::step<"read">([](const url&) { return page{}; })
                      .version(1)
                      .migrate([](const std::unique_ptr<page>&) { return page{}; });
