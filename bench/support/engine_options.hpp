// What the benches of the engine can be told about it on their command lines.
#pragma once

#include <pawl/options.hpp>

#include <spdlog/logger.h>
#include <CLI/CLI.hpp>

#include <filesystem>
#include <map>
#include <memory>
#include <string>

namespace bench {

// One worker, and a logger without sinks: nothing but the bench's own line is printed.
inline pawl::engine_options quiet_options() {
  pawl::engine_options options;
  options.workers = 1;
  options.logger = std::make_shared<spdlog::logger>("bench");
  return options;
}

inline void add_engine_options(CLI::App& app, pawl::engine_options& options) {
  const std::map<std::string, pawl::durability> kinds = {{"power", pawl::durability::power},
                                                         {"process", pawl::durability::process}};
  app.add_option("--workers", options.workers, "Threads that call steps")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--in-flight", options.window_items, "Items begun and not done")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--durability", options.durability, "What a step survives once the next one starts: power or process")
      ->transform(CLI::CheckedTransformer(kinds));
}

inline void add_directory_option(CLI::App& app, std::filesystem::path& parent) {
  app.add_option("--dir", parent, "Where to work: a directory on the disk to be measured")
      ->check(CLI::ExistingDirectory);
}

inline const char* name_of(pawl::durability kind) { return kind == pawl::durability::power ? "power" : "process"; }

}  // namespace bench
