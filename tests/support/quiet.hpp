// Engine options for tests: a logger that writes nothing unless asked, codecs checked.
#pragma once

#include <pawl/options.hpp>

#include <spdlog/logger.h>
#include <spdlog/sinks/null_sink.h>
#include <spdlog/sinks/ostream_sink.h>

#include <memory>
#include <sstream>

namespace pawl::test {

inline engine_options quiet(std::size_t workers = 1) {
  engine_options options;
  options.workers = workers;
  options.check_codecs = true;
  options.logger = std::make_shared<spdlog::logger>("quiet", std::make_shared<spdlog::sinks::null_sink_mt>());
  return options;
}

// The same with everything that is logged at `level` and above kept in `into`.
inline engine_options logging_to(std::ostringstream& into, spdlog::level::level_enum level = spdlog::level::info) {
  engine_options options = quiet();
  options.logger = std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(into));
  options.logger->set_level(level);
  options.logger->set_pattern("%l %v");
  return options;
}

}  // namespace pawl::test
