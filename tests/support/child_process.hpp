// A forked child for tests of what happens between processes, or when one dies.
//
// The child runs a function and exits at once, without the parent's destructors
// and without telling Catch2: what it finds out it says by its exit status or
// through the pipe.
#pragma once

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>

namespace pawl::test {

class child_process {
public:
  // `body` gets the pipe's writing end; what it returns is the exit status. 99: it threw.
  explicit child_process(const std::function<int(int)>& body) {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
    std::fflush(nullptr);
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("no child");
    if (pid_ == 0) {
      ::close(ends[0]);
      int status = 99;
      try {
        status = body(ends[1]);
      } catch (const std::exception& failure) {
        std::fprintf(stderr, "child: %s\n", failure.what());
      }
      ::_exit(status);
    }
    ::close(ends[1]);
    pipe_ = ends[0];
  }
  ~child_process() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      wait();
    }
    ::close(pipe_);
  }
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  void kill() const { ::kill(pid_, SIGKILL); }
  // The exit status, or -signal.
  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  // The next line that it wrote, empty at its end.
  std::string line() {
    std::string text;
    char byte = 0;
    while (::read(pipe_, &byte, 1) == 1 && byte != '\n') text += byte;
    return text;
  }

private:
  pid_t pid_ = 0;
  int pipe_ = -1;
};

inline void say(int pipe, const std::string& line) {
  const std::string text = line + '\n';
  if (::write(pipe, text.data(), text.size()) < 0) ::_exit(98);
}

}  // namespace pawl::test
