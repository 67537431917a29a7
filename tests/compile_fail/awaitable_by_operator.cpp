// sentence: pawl: a step returns something awaitable
// names: the_step<text<'r','e','a','d'>>
// names: returns<task>
#include <coroutine>
#include "support.hpp"

struct task {
  int id;
};
std::suspend_never operator co_await(const task&);
const auto flow = pawl::workflow<"flow">(pawl::step<"read">([](const url&) { return task{}; }));
