#include "cli/changing.hpp"

#include "cli/output.hpp"
#include "cli/text.hpp"
#include "tell/units.hpp"

#include <pawl/inspect.hpp>

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <memory>

namespace pawl::cli {

engine own_state(const std::string& state) {
  engine_options options;
  options.durability = state_view(state).durability();  // throws where there is no state: none is made
  options.workers = 1;
  options.logger = std::make_shared<spdlog::logger>("pawl", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  options.logger->set_level(spdlog::level::warn);
  options.logger->set_pattern("pawl: %v");
  return engine(state, options);
}

void complain_of_left(const report_entry& item) {
  complain("item '" + harmless(item.key) + "' is left as it was: " + harmless(item.reason));
}

std::string amended_text(const amend_report& made, const std::string& changed, const std::string& unchanged) {
  std::string text = escaped(made.workflow) + ": " + core::grouped(made.changed) + " " + changed;
  if (made.unchanged != 0) text += "; " + core::grouped(made.unchanged) + " " + unchanged;
  if (made.left != 0) text += "; " + core::grouped(made.left) + " left as they were";
  return text + "\n";
}

}  // namespace pawl::cli
