// sentence: pawl: a step's result cannot be recorded, as it has no codec
// names: result_has_no_codec<the_step<text<'r','e','a','d'>>,returns<int*>
#include "support.hpp"

#include <pawl/batch.hpp>

const auto flow = pawl::workflow<"flow">(
    pawl::batch<"read">([](pawl::batch_view<url>) { return std::vector<pawl::outcome<int*>>(); }));
