// sentence: pawl: a step's result cannot be recorded
// names: the_step<text<'r','e','a','d'>>
// names: returns<connection>
#include "support.hpp"

class connection {
public:
  explicit connection(int number) : number_(number) {}

private:
  int number_;
};
const auto flow = pawl::workflow<"flow">(pawl::step<"read">([](const url&) { return connection(1); }));
