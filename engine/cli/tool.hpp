// The whole tool as a function: what main() calls, and the fuzzer of its command line.
#pragma once

namespace pawl::cli {

// Reads the command line, does what it says and tells it on standard output and error. Returns the exit code; throws
// nothing. Expects that SIGPIPE is ignored.
[[nodiscard]] int run_tool(int argc, char** argv);

}  // namespace pawl::cli
