// pawl evict: ends a process that has a state open, for good, so that others can go on.
#include "cli/command.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "file/file_system.hpp"
#include "lmdb/owner_lock.hpp"

#include <pawl/error.hpp>

#include <CLI/CLI.hpp>

#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace pawl::cli {
namespace {

constexpr int patience_ms = 10'000;

bool has_it_open(const std::filesystem::path& state, std::int64_t pid) {
  const auto owners = core::other_owners(state);
  return std::find(owners.begin(), owners.end(), pid) != owners.end();
}

std::string list_of(const std::vector<pid_t>& owners) {
  if (owners.empty()) return "none has";
  std::string text;
  for (const pid_t one : owners) text += (text.empty() ? "" : ", ") + std::to_string(one);
  return (owners.size() == 1 ? "it is " : "they are ") + text;
}

[[noreturn]] void throw_no_such(const std::string& state, std::int64_t pid) {
  throw error(errc::not_found, "evict: process " + std::to_string(pid) + " does not have " + state +
                                   " open for writing (" + list_of(core::other_owners(state)) +
                                   "); nothing was done");
}

// The process is asked for by its number once, and held by a descriptor from then on: that it has the state open is looked
// at again behind that, so nobody else is killed who got the number meanwhile.
int evict(const std::string& state, std::int64_t pid) {
  struct stat status {};
  if (::stat((std::filesystem::path(state) / "owner").c_str(), &status) != 0)
    throw error(errc::not_a_state, "evict: there is no state " + state + "; check the path");
  if (pid == 0) {
    output out;
    for (const pid_t one : core::other_owners(state)) out << std::to_string(one) + "\n";
    out.finish();
    return exit_ok;
  }
  if (pid < 0 || !has_it_open(state, pid)) throw_no_such(state, pid);
  const core::descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0)));
  if (!process && errno != ESRCH) core::throw_file_error(errno, "look at process " + std::to_string(pid) + " of", state);
  if (process && has_it_open(state, pid)) {
    if (::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0) != 0 && errno != ESRCH)
      core::throw_file_error(errno, "end process " + std::to_string(pid) + " of", state);
    pollfd ended{process.get(), POLLIN, 0};
    int got = 0;
    while ((got = ::poll(&ended, 1, patience_ms)) < 0 && errno == EINTR) {
    }
    if (got == 0)
      throw error(errc::state_in_use, "evict: process " + std::to_string(pid) + " was killed and is not gone after " +
                                          std::to_string(patience_ms / 1000) +
                                          " s (it may be waiting for a disk); nothing of it is taken over until it is");
  }
  output out;
  out << "Process " + std::to_string(pid) + " is gone, and its locks on " + state + " with it.\n";
  out << "What it had recorded is safe; another process that runs its workflow goes on with its items within a second,\n"
         "and if there is none, the next one that is started.\n";
  out.finish();
  return exit_ok;
}

}  // namespace

void add_evict(CLI::App& tool, std::function<int()>& chosen) {
  struct asked {
    std::string state;
    std::int64_t pid = 0;
  };
  const auto what = std::make_shared<asked>();
  CLI::App* const command = tool.add_subcommand("evict", "Kill a process that has a state open, so that others can go on");
  command->add_option("PID", what->pid, "The process; 0: tell which processes have the state open")->required();
  add_state_directory(*command, what->state);
  command->footer(
      "Example:\n  pawl evict 4711 crawl.pawl\n\n"
      "For a process that is stopped or hangs: where several share the state, its items are nobody else's as long as it\n"
      "lives, and one that is stopped in the middle of a commit keeps all others from recording anything. It is killed\n"
      "(SIGKILL), whatever it does; nothing that it had recorded is lost. Only a process that has this state open is\n"
      "ever killed. With 0 for a PID nothing is done, and those that have it open are told, one in a line.");
  command->callback([what, &chosen] { chosen = [what] { return evict(what->state, what->pid); }; });
}

}  // namespace pawl::cli
