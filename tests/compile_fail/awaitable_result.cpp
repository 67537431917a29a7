// sentence: pawl: a step returns something awaitable
// names: the_step<text<'r','e','a','d'>>
// names: returns<task>
#include <coroutine>
#include "support.hpp"

struct task {
  bool await_ready() const;
  void await_suspend(std::coroutine_handle<>) const;
  page await_resume() const;
};
const auto flow = pawl::workflow<"flow">(pawl::step<"read">([](const url&) { return task{}; }));
