// sentence: pawl: string_view, span and initializer_list have no codec
// names: the_step<text<'r','e','a','d'>>
// names: returns<outer>
#include "support.hpp"

struct inner {
  std::string_view dangling;
};
struct outer {
  std::vector<inner> all;
};
const auto flow = pawl::workflow<"flow">(pawl::step<"read">([](const url&) { return outer{}; }));
