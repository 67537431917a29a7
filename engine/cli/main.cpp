#include "cli/tool.hpp"

#include <csignal>

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // write() says it, and the tool ends in order
  return pawl::cli::run_tool(argc, argv);
}
