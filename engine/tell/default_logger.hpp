// The logger that the engine uses where the host brings none.
#pragma once

#include <memory>

namespace spdlog {
class logger;
}

namespace pawl::core {

// Named "pawl", to stderr, level info. One object for the process; not in spdlog's registry.
[[nodiscard]] std::shared_ptr<spdlog::logger> default_logger();

}  // namespace pawl::core
