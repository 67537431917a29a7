#include <pawl/testing.hpp>

#include <pawl/detail/erased.hpp>

#include <spdlog/spdlog.h>

namespace pawl::detail {

spdlog::logger& test_context_source::logger() const { return *spdlog::default_logger_raw(); }

void test_context_source::run_rounds(loop_rounds& rounds) {
  for (rounds_done = 0; !rounds.once(rounds.self);) ++rounds_done;
  ++rounds_done;
}

}  // namespace pawl::detail
