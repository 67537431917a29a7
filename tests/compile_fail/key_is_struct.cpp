// sentence: pawl: a key is text or an integer; let the projection return
// names: the_input<url>
// names: returns<page>
#include "support.hpp"

const auto flow = pawl::workflow<"flow">(pawl::step<"read">([](const url&) { return page{}; })).key([](const url&) {
  return page{};
});
