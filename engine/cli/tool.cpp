// The tool `pawl`: reads the command line, calls one command, turns errors into
// one sentence and an exit code. Commands are one file each and stand in the
// table below.
#include "cli/tool.hpp"

#include "cli/command.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"

#include <pawl/error.hpp>

#include <CLI/CLI.hpp>

#include <exception>
#include <functional>
#include <new>
#include <string>
#include <vector>

#ifndef PAWL_VERSION
#define PAWL_VERSION "unknown"
#endif

namespace pawl::cli {
namespace {

constexpr add_command commands[] = {add_status, add_ls,    add_show,  add_describe, add_plan,
                                    add_export, add_table, add_top,   add_rerun,    add_retry,
                                    add_skip,   add_prune, add_verify, add_compact, add_backup,
                                    add_evict};

constexpr const char* footer =
    "Examples:\n"
    "  pawl status crawl.pawl\n"
    "  pawl ls crawl.pawl --state failed\n"
    "  pawl COMMAND --help\n\n"
    "Exit codes:\n"
    "  0  done (also where whoever read the output has closed the pipe)\n"
    "  1  an error; one sentence on standard error says what to do\n"
    "  2  the command line cannot be understood\n"
    "  3  not found: no state at that place, no such workflow or item, or no plan\n"
    "  4  damaged: something stored cannot be read; everything else was printed\n\n"
    "A state is only looked at, also while a program works on it and after a crash; but for rerun, retry,\n"
    "skip, prune, compact and verify --repair, which are refused while a program has the state open, and evict, which\n"
    "kills one. (verify has exit codes of its own.)\n"
    "Colours are for terminals; NO_COLOR=1 does without.";

exit_code code_for(errc code) {
  switch (code) {
    case errc::not_found:
    case errc::not_a_state:
      return exit_not_found;
    case errc::damaged:
      return exit_damaged;
    default:
      return exit_error;
  }
}

int print(const std::string& text) {
  output out;
  out << text << "\n";
  out.finish();
  return exit_ok;
}

// Help and version are "errors" of the parser too.
int after_parsing(const CLI::App& tool, const CLI::ParseError& stop) {
  if (dynamic_cast<const CLI::CallForVersion*>(&stop) != nullptr) return print(stop.what());
  if (stop.get_exit_code() == 0) return print(tool.help());
  const std::vector<std::string> unknown = tool.remaining();
  const bool no_command = tool.get_subcommands().empty() && !unknown.empty();
  complain((no_command ? "there is no command '" + unknown.front() + "'" : std::string(stop.what())) +
           "; `pawl --help` and `pawl COMMAND --help` say what there is");
  return exit_usage;
}

int run(int argc, char** argv) {
  CLI::App tool("Look at the state of pawl's workflows, and change what is in it", "pawl");
  tool.set_version_flag("--version", "pawl " PAWL_VERSION);
  tool.require_subcommand(1);
  tool.footer(footer);
  std::function<int()> chosen;
  for (const add_command add : commands) add(tool, chosen);
  try {
    tool.parse(argc, argv);
  } catch (const CLI::ParseError& stop) {
    return after_parsing(tool, stop);
  }
  return chosen();
}

}  // namespace

int run_tool(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const reader_gone&) {
    return exit_ok;
  } catch (const usage_error& failure) {
    complain(failure.what());
    return exit_usage;
  } catch (const error& failure) {
    complain(failure.what());
    return code_for(failure.code());
  } catch (const std::bad_alloc&) {
    complain("there is not enough memory; close other programs, or ask for less with --limit");
  } catch (const std::exception& failure) {
    complain(std::string("something unexpected happened: ") + failure.what());
  }
  return exit_error;
}

}  // namespace pawl::cli
