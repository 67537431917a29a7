// sentence: pawl: .migrate makes the very type that its step returns; nothing is converted
// names: migration_gives_another_type<the_step<text<'r','e','a','d'>>,gives<record>,returns<page>>
#include "support.hpp"

const auto flow = pawl::workflow<"flow">(
    pawl::step<"read">([](const url&) { return page{}; }).version(1).migrate([](const std::string& old) {
      return record{old};
    }));
