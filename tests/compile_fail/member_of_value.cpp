// sentence: takes a pointer to the object
// names: the_step<text<'p','a','r','s','e'>>
// names: parser
#include "support.hpp"

struct parser {
  page parse(const url&) const;
};
const auto parse = pawl::step<"parse">(&parser::parse, parser{});
