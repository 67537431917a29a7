// sentence: pawl: .rate_limit() counts the calls of single items, and a batch is called for many
// names: rate_limit_on_batch<the_step<text<'w','r','i','t','e'>>>
#include "support.hpp"

#include <pawl/batch.hpp>

const auto write = pawl::batch<"write">([](pawl::batch_view<page>) {}).rate_limit({.calls = 2});
