// Processes that share a state (crash/shared_child.cpp), the log that their steps append to, and what is wrong by it: from
// outside, no item in two of them at once and no acknowledged step again (durability rules 24 and 25).
#pragma once

#include <pawl/inspect.hpp>
#include <pawl/pawl.hpp>

#include "support/quiet.hpp"
#include "support/run_tool.hpp"
#include "support/temp_dir.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace pawl::test {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

inline const std::string shared_program = PAWL_TEST_BUILD_DIR "/tests/crash/shared_child";
constexpr int steps = 3;  // of an item

inline engine_options shared_by(std::size_t workers) {
  engine_options options = quiet(workers);
  options.opening = opening::shared;
  return options;
}

class scene;

class process {
public:
  process(const std::string& which, const scene& of, std::uint64_t from, std::uint64_t to, const std::vector<std::string>& words);
  ~process() { kill(); }
  process(const process&) = delete;
  process& operator=(const process&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  void signal(int number) const { ::kill(pid_, number); }
  // True where it has ended by itself; then `code` says how, and `said` what it said.
  bool ended() {
    if (over) return true;
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) != pid_) return false;
    note(status);
    return true;
  }
  int wait() {
    int status = 0;
    if (!over) {
      while (::waitpid(pid_, &status, 0) < 0) {
      }
      note(status);
    }
    return code;
  }
  void kill() {
    if (over) return;
    signal(SIGKILL);
    wait();
  }

  bool over = false;
  int code = 0;      // or -signal
  std::string said;

private:
  void note(int status) {
    over = true;
    code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    said = content_of_file(out_);
  }
  pid_t pid_ = 0;
  std::string out_;
};

// A state, the log beside it, and who works there.
class scene {
public:
  scene() : state_(dir_ / "state") {}
  explicit scene(std::filesystem::path state) : state_(std::move(state)) {}  // on another disk than the log
  [[nodiscard]] std::string state() const { return state_; }
  [[nodiscard]] std::string log() const { return dir_ / "log"; }
  [[nodiscard]] std::string file(const std::string& name) const { return dir_ / name; }

  std::unique_ptr<process> start(std::uint64_t from, std::uint64_t to, const std::vector<std::string>& words = {},
                                 const std::string& which = shared_program) const {
    return std::make_unique<process>(which, *this, from, to, words);
  }
  // Before it is killed: whoever takes its items over from here on does so rightly.
  void announce_death(pid_t pid) const { append("K " + std::to_string(pid) + " 0 0\n"); }
  void kill(process& one) const {
    announce_death(one.pid());
    one.kill();
  }
  void append(const std::string& text) const {
    const int fd = ::open(log().c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    const ssize_t written = ::write(fd, text.data(), text.size());
    ::close(fd);
    if (written != static_cast<ssize_t>(text.size())) throw std::runtime_error("cannot write the log");
  }

  struct line {
    char what;
    pid_t pid;
    std::uint64_t item;
    int step;
  };
  [[nodiscard]] std::vector<line> lines() const {
    std::ifstream in(log());
    std::vector<line> all;
    for (std::string text; std::getline(in, text);) {
      line one{};
      if (std::sscanf(text.c_str(), "%c %d %lu %d", &one.what, &one.pid, &one.item, &one.step) == 4) all.push_back(one);
    }
    return all;
  }
  // Waits until the log has such a line, for a minute at most.
  [[nodiscard]] bool wait_for(char what, std::uint64_t item) const {
    for (const auto until = clock_type::now() + 60s; clock_type::now() < until; std::this_thread::sleep_for(5ms))
      for (const line& one : lines())
        if (one.what == what && one.item == item) return true;
    return false;
  }

private:
  temp_dir dir_;
  std::filesystem::path state_;
};

inline process::process(const std::string& which, const scene& of, std::uint64_t from, std::uint64_t to,
                 const std::vector<std::string>& words) {
  static int count = 0;
  out_ = of.file("out" + std::to_string(count++));
  std::vector<std::string> all{which, of.state(), of.log(), std::to_string(from), std::to_string(to)};
  const bool has_workers = !words.empty() && words[0].find_first_not_of("0123456789") == std::string::npos;
  if (!has_workers) all.push_back("2");
  all.insert(all.end(), words.begin(), words.end());
  std::vector<char*> argv;
  for (std::string& one : all) argv.push_back(one.data());
  argv.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("cannot fork");
  if (pid_ != 0) return;
  ::alarm(900);  // a hang is a failure
  const int out = ::open(out_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (::dup2(out, STDOUT_FILENO) < 0 || ::dup2(out, STDERR_FILENO) < 0) ::_exit(126);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

struct verdict {
  std::string wrong;  // the first thing that is
  std::uint64_t begun = 0;     // steps
  std::uint64_t repeated = 0;  // of those, such as were under way or not recorded yet at a death
  std::uint64_t taken_over = 0;
  std::set<std::uint64_t> finished;
};

// What the log says, by the rules. `gave_up` did so at moments that the log does not know: anybody may have their items.
inline verdict judge(const scene& of, const std::set<pid_t>& gave_up = {}) {
  struct known {
    pid_t owner = 0;
    int open = -1;       // the step that is under way
    int furthest = -1;   // that was begun: all before it are acknowledged
    int completed = -1;
  };
  std::map<std::uint64_t, known> items;
  std::set<pid_t> dead = gave_up;
  verdict made;
  std::size_t number = 0;
  for (const scene::line& one : of.lines()) {
    ++number;
    if (one.what == 'K') dead.insert(one.pid);
    if (one.what != 'S' && one.what != 'E') continue;
    known& item = items[one.item];
    const auto say = [&](const std::string& what) {
      if (made.wrong.empty())
        made.wrong = "line " + std::to_string(number) + ", item " + std::to_string(one.item) + ", step " + std::to_string(one.step) +
                     ", process " + std::to_string(one.pid) + ": " + what;
    };
    if (one.what == 'E') {
      if (item.owner != one.pid || item.open != one.step) say("it ends what it has not begun");
      item.open = -1;
      item.completed = std::max(item.completed, one.step);
      if (one.step == steps - 1) made.finished.insert(one.item);
      continue;
    }
    ++made.begun;
    if (item.owner != 0 && item.owner != one.pid) {
      if (!dead.contains(item.owner)) say("process " + std::to_string(item.owner) + " has it");
      ++made.taken_over;
    } else if (item.open != -1) {
      say("it has begun step " + std::to_string(item.open) + " and not ended it");
    }
    if (one.step < item.furthest) say("a later step was begun before, so this one was acknowledged");
    if (one.step == item.furthest) {
      ++made.repeated;
      if (item.owner == one.pid) say("it repeats what it has done");
    }
    if (one.step > item.completed + 1) say("the step before it was not done");
    item.owner = one.pid;
    item.open = one.step;
    item.furthest = std::max(item.furthest, one.step);
  }
  return made;
}

inline std::uint64_t done_in(const scene& of) {
  const state_view view(of.state());
  return view.workflows().at(0).count(item_state::done);
}

}  // namespace pawl::test
