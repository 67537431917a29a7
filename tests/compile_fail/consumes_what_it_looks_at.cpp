// sentence: pawl: a step consumes the very value that it also asks for
// names: the_step<text<'r','e','a','d'>>
// names: only_moves
#include "support.hpp"

struct only_moves {
  std::unique_ptr<int> owned;
};
const auto flow = pawl::workflow<"flow">(pawl::step<"read">([](only_moves, pawl::item<only_moves>) {}));
