// sentence: pawl: .migrate makes the very type that its step returns; nothing is converted
// names: migration_gives_another_type<the_step<text<'r','e','a','d'>>,gives<page>,returns<void>>
#include "support.hpp"

const auto flow = pawl::workflow<"flow">(
    pawl::step<"read">([](const url&) {}).version(1).migrate([](const record&) { return page{}; }));
