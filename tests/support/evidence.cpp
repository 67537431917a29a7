#include "support/evidence.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>

namespace pawl::test {

child_end run_child(const child_options& options, int run, long kill_at, long microseconds) {
  const std::string program = std::string(PAWL_TEST_BUILD_DIR) + "/tests/crash/child";
  const std::string state = options.dir / "state";
  const std::string out = options.dir / "out";
  const std::string log = options.dir / "log";
  std::filesystem::create_directories(out);
  const std::string arguments[] = {std::to_string(run), std::to_string(options.items), std::to_string(options.workers),
                                   std::to_string(kill_at)};
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0) {
    ::execl(program.c_str(), "child", state.c_str(), out.c_str(), log.c_str(), arguments[0].c_str(),
            arguments[1].c_str(), arguments[2].c_str(), arguments[3].c_str(), options.mode.c_str(), nullptr);
    ::_exit(127);
  }
  if (microseconds > 0) {
    ::usleep(static_cast<useconds_t>(microseconds));
    ::kill(child, SIGKILL);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {}
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return child_end::killed;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? child_end::finished : child_end::broken;
}

namespace {

struct line {
  char what = 0;
  int run = 0;
  std::string key;
  int step = 0;
};

std::vector<line> read_log(const std::filesystem::path& path) {
  std::vector<line> lines;
  std::ifstream in(path);
  for (std::string text; std::getline(in, text);) {
    line one;
    std::istringstream words(text);
    words >> one.what >> one.run >> one.key >> one.step;
    lines.push_back(one);
  }
  return lines;
}

// What is known of one step of one item.
struct step_history {
  int starts = 0;
  int last_run = -1;           // in which it started last
  bool ended = false;          // in that run
  std::size_t ended_at = 0;    // the line of that end
  bool acknowledged = false;
};

}  // namespace

std::vector<std::string> violations(const child_options& options) {
  const bool one_worker = options.workers == 1 && !options.is_process();
  std::vector<std::string> found;
  std::map<std::pair<std::string, int>, step_history> steps;
  // Per run: where the last commits began and ended, and the last start by a worker.
  std::size_t commit_began = 0;
  std::size_t last_start = 0;
  std::vector<std::pair<std::size_t, std::size_t>> commits;  // of the run at hand: began, ended
  int run = -1;
  const std::vector<line> lines = read_log(options.dir / "log");
  const auto acknowledge_by_commits = [&] {
    // Ended, then another step started by the same and only worker, so its checkpoint was handed over; and the
    // commit that began after an earlier one had ended, after that, took it along.
    if (!one_worker || commits.size() < 2) return;
    const auto& [began, ended] = commits.back();
    const std::size_t before = commits[commits.size() - 2].second;
    static_cast<void>(ended);
    for (auto& [name, step] : steps)
      if (step.ended && step.last_run == run && step.ended_at < last_start && last_start < before && before < began)
        step.acknowledged = true;
  };
  for (std::size_t at = 0; at < lines.size(); ++at) {
    const line& one = lines[at];
    if (one.run != run) {
      run = one.run;
      commits.clear();
      commit_began = last_start = 0;
    }
    const std::string name = "item " + one.key + " step " + std::to_string(one.step);
    if (one.what == 'D') {
      commit_began = at;
    } else if (one.what == 'M') {
      commits.emplace_back(commit_began, at);
      acknowledge_by_commits();
    } else if (one.what == 'S') {
      step_history& step = steps[{one.key, one.step}];
      if (step.acknowledged) found.push_back(name + " was acknowledged and ran again in run " + std::to_string(run));
      else if (step.starts > 0 && step.last_run == run) found.push_back(name + " ran twice in run " + std::to_string(run));
      if (one.step > 0) {
        step_history& before = steps[{one.key, one.step - 1}];
        // In a later run the state that was opened is the proof; in the same one a commit must lie between.
        if (!options.is_process() && before.last_run == run && (!before.ended || commits.empty() || commits.back().first < before.ended_at))
          found.push_back(name + " started before the step in front of it was committed, in run " + std::to_string(run));
        before.acknowledged = true;
      }
      ++step.starts;
      step.last_run = run;
      step.ended = false;
      last_start = at;
    } else if (one.what == 'E') {
      step_history& step = steps[{one.key, one.step}];
      step.ended = true;
      step.ended_at = at;
    } else if (one.what == 'R') {
      for (auto& [key, step] : steps) step.acknowledged = true;
    }
  }
  return found;
}

std::map<std::string, std::string> output_of(const std::filesystem::path& dir) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(dir / "out")) {
    if (entry.path().extension() == ".tmp") continue;
    std::ifstream in(entry.path());
    std::ostringstream text;
    text << in.rdbuf();
    files[entry.path().filename()] = text.str();
  }
  return files;
}

std::map<std::string, std::string> expected_output(int items) {
  std::map<std::string, std::string> files;
  for (int n = 0; n < items; ++n) {
    const std::string text = "text of " + std::to_string(n);
    files[std::to_string(n)] = text + "! " + std::to_string(text.size());
  }
  return files;
}

}  // namespace pawl::test
