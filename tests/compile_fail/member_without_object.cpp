// sentence: pawl: a member function needs its object
// names: the_step<text<'p','a','r','s','e'>>
#include "support.hpp"

struct parser {
  page parse(const url&) const;
};
const auto parse = pawl::step<"parse">(&parser::parse);
