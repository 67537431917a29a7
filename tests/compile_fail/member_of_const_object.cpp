// sentence: takes a pointer to the object
// names: the_step<text<'p','a','r','s','e'>>
// names: constparser*
#include "support.hpp"

struct parser {
  page parse(const url&);
};
const parser fixed{};
const auto parse = pawl::step<"parse">(&parser::parse, &fixed);
