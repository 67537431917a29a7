// sentence: pawl: a step consumes the workflow's input, which a later step needs
// names: the_step<text<'t','a','k','e'>>,the_input<only_moves>
#include "support.hpp"

struct only_moves {
  std::unique_ptr<int> owned;
};
const auto flow = pawl::workflow<"flow">(pawl::step<"take">([](only_moves) {}), pawl::step<"look">([](const auto&) {}));
