// sentence: pawl: .rate_limit() protects what a step touches outside, and a pure step touches nothing
// names: rate_limit_on_pure<the_step<text<'p','a','r','s','e'>>>
#include "support.hpp"

const auto parse = pawl::pure<"parse">([](const page&) { return record{}; }).rate_limit({.calls = 2});
