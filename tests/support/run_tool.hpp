// Runs the built tool and gives what it said.
#pragma once

#include "support/temp_dir.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace pawl::test {

struct said {
  int code = -1;  // negative: killed by that signal
  std::string out;
  std::string err;
};

inline std::string content_of_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// `out_fd`: where its standard output goes instead of into `out`.
inline said run_tool(const std::vector<std::string>& arguments, int out_fd = -1) {
  const temp_dir dir;
  const std::string out = dir / "out";
  const std::string err = dir / "err";
  std::vector<std::string> all{PAWL_TEST_BUILD_DIR "/pawl"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& one : all) argv.push_back(one.data());
  argv.push_back(nullptr);

  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0) {
    const int to_out = out_fd >= 0 ? out_fd : ::open(out.c_str(), O_WRONLY | O_CREAT, 0600);
    const int to_err = ::open(err.c_str(), O_WRONLY | O_CREAT, 0600);
    if (::dup2(to_out, STDOUT_FILENO) < 0 || ::dup2(to_err, STDERR_FILENO) < 0) ::_exit(126);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
  }
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), content_of_file(out), content_of_file(err)};
}

}  // namespace pawl::test
