// Judges a log of the crash child (child.cpp) from outside, and starts and kills it.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace pawl::test {

struct child_options {
  std::filesystem::path dir;  // state, out and log lie in it
  int items = 12;
  int workers = 1;
  std::string mode = "plain";
  [[nodiscard]] bool is_process() const { return mode.find("process") != std::string::npos; }
};

// How a child ended.
enum class child_end { finished, killed, broken };

// Runs it to its end, to the kill_at-th line of its log, or for `microseconds` (0: no limit); returns how it ended.
[[nodiscard]] child_end run_child(const child_options& options, int run, long kill_at, long microseconds = 0);

// What the log proves, as sentences; empty where all is well:
// - a step that was acknowledged (the next one of its item has started, or two later commits are through) runs again;
// - a step starts before a commit that began after the end of the one before it (not asked where `durability` is
//   process: there a step is recorded without a system call that the log could tell of);
// - a step runs again though it was not under way when a run was killed.
[[nodiscard]] std::vector<std::string> violations(const child_options& options);

// The files that the items wrote, by name.
[[nodiscard]] std::map<std::string, std::string> output_of(const std::filesystem::path& dir);
// What an undisturbed run writes.
[[nodiscard]] std::map<std::string, std::string> expected_output(int items);

}  // namespace pawl::test
