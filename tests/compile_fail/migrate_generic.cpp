// sentence: pawl: .migrate takes a function of one parameter, which tells what the older version returned
// names: migration_tells_no_type<the_step<text<'r','e','a','d'>>
#include "support.hpp"

const auto read = pawl::step<"read">([](const url&) { return page{}; }).version(1).migrate([](const auto& old) {
  return page{old.text};
});
