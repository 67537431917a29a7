// A subcommand of the tool: one file each, found through the table in main.cpp.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace pawl::cli {

// What the tool ends with. Documented in --help; numbers are never reused.
enum exit_code : int {
  exit_ok = 0,
  exit_error = 1,
  exit_usage = 2,
  exit_not_found = 3,
  exit_damaged = 4,
};

// Adds the subcommand with its options; `chosen` gets what it does, should it be called. That gives
// the exit code, or throws pawl::error, usage_error, or reader_gone (output.hpp).
using add_command = void (*)(CLI::App& tool, std::function<int()>& chosen);

void add_status(CLI::App& tool, std::function<int()>& chosen);
void add_ls(CLI::App& tool, std::function<int()>& chosen);
void add_show(CLI::App& tool, std::function<int()>& chosen);
void add_describe(CLI::App& tool, std::function<int()>& chosen);
void add_plan(CLI::App& tool, std::function<int()>& chosen);
void add_export(CLI::App& tool, std::function<int()>& chosen);
void add_rerun(CLI::App& tool, std::function<int()>& chosen);
void add_retry(CLI::App& tool, std::function<int()>& chosen);
void add_skip(CLI::App& tool, std::function<int()>& chosen);
void add_prune(CLI::App& tool, std::function<int()>& chosen);
void add_verify(CLI::App& tool, std::function<int()>& chosen);
void add_compact(CLI::App& tool, std::function<int()>& chosen);
void add_backup(CLI::App& tool, std::function<int()>& chosen);
void add_evict(CLI::App& tool, std::function<int()>& chosen);
void add_top(CLI::App& tool, std::function<int()>& chosen);
void add_table(CLI::App& tool, std::function<int()>& chosen);

}  // namespace pawl::cli
