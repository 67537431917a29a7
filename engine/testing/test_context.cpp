#include <pawl/testing.hpp>

#include <spdlog/spdlog.h>

namespace pawl::detail {

spdlog::logger& test_context_source::logger() const { return *spdlog::default_logger_raw(); }

}  // namespace pawl::detail
