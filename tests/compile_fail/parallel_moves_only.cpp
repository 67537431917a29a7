// sentence: pawl: each branch of a parallel gets a copy of what arrives
// names: branches_need_a_copy<the_step<text<'b','o','t','h'>>,
#include "support.hpp"

#include <pawl/parallel.hpp>

struct only_moves {
  std::unique_ptr<int> owned;
};
template <>
struct pawl::codec<only_moves> {
  using stored_as = int;
  static int to_stored(const only_moves& one) { return *one.owned; }
  static only_moves from_stored(int value) { return {std::make_unique<int>(value)}; }
};
const auto both = pawl::parallel<"both">(pawl::step<"a">([](const only_moves&) {}), pawl::step<"b">([](const only_moves&) {}));
