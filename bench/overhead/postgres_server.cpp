#include "overhead/postgres_server.hpp"

#include "support/process.hpp"

#include <libpq-fe.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <pwd.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bench {
namespace {

namespace fs = std::filesystem;

// The folder with initdb and postgres: of Debian's newest version, else one of PATH.
std::optional<fs::path> programs() {
  fs::path newest;
  int newest_version = 0;
  std::error_code none;
  for (const fs::directory_entry& version : fs::directory_iterator("/usr/lib/postgresql", none)) {
    const int number = std::atoi(version.path().filename().c_str());
    if (number <= newest_version || !fs::exists(version.path() / "bin/initdb")) continue;
    newest = version.path() / "bin";
    newest_version = number;
  }
  if (newest_version != 0) return newest;
  const char* path = std::getenv("PATH");
  for (std::string_view rest = path == nullptr ? "" : path; !rest.empty();) {
    const std::string_view folder = rest.substr(0, rest.find(':'));
    if (fs::exists(fs::path(folder) / "initdb") && fs::exists(fs::path(folder) / "postgres")) return folder;
    rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
  }
  return std::nullopt;
}

// Whom root becomes.
const passwd& unprivileged() {
  for (const char* name : {"postgres", "nobody"})
    if (const passwd* found = ::getpwnam(name)) return *found;
  throw std::runtime_error("postgres: there is no user postgres or nobody that the server could run as");
}

void give_to_server(const fs::path& directory) {
  if (::geteuid() != 0) return;
  const passwd& user = unprivileged();
  if (::chown(directory.c_str(), user.pw_uid, user.pw_gid) != 0)
    throw std::system_error(errno, std::generic_category(), "postgres: cannot hand over " + directory.string());
}

// What stands in front of a command of the server. The capability lets it reach a directory below one that is
// root's alone.
std::vector<std::string> as_server() {
  std::vector<std::string> words = {"setpriv", "--pdeathsig", "INT"};
  if (::geteuid() == 0) {
    const passwd& user = unprivileged();
    words.insert(words.end(), {"--reuid", std::to_string(user.pw_uid), "--regid", std::to_string(user.pw_gid),
                               "--clear-groups", "--inh-caps=+dac_override", "--ambient-caps=+dac_override"});
  }
  words.emplace_back("--");
  return words;
}

std::vector<pid_t> with_children(pid_t parent) {
  const std::string name = std::to_string(parent);
  std::ifstream file("/proc/" + name + "/task/" + name + "/children");
  std::vector<pid_t> all = {parent};
  all.insert(all.end(), std::istream_iterator<pid_t>(file), {});
  return all;
}

}  // namespace

std::string postgres_server::why_absent() {
  return programs() ? "" : "the programs of a PostgreSQL server are not here; on Debian, install postgresql";
}

postgres_server::postgres_server(const fs::path& directory, std::size_t connections)
    : directory_(directory), sockets_(fs::temp_directory_path()) {
  const std::optional<fs::path> folder = programs();
  if (!folder) throw std::runtime_error("postgres: " + why_absent());
  const std::string cluster = fs::absolute(directory / "cluster");
  fs::create_directory(cluster);
  give_to_server(cluster);
  give_to_server(sockets_.path());

  const pid_t initdb = start({*folder / "initdb", "-D", cluster, "-U", "bench", "--auth=trust", "--encoding=UTF8",
                              "--locale=C", "--no-sync", "--no-instructions"});
  int status = 0;
  while (::waitpid(initdb, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) fail("initdb cannot make a cluster");

  constexpr std::size_t reserved = 8;  // for the superuser, and one that looks at counters
  postmaster_ = start({*folder / "postgres", "-D", cluster, "-k", sockets_.path(), "-c", "listen_addresses=", "-c",
                       "max_connections=" + std::to_string(connections + reserved), "-c", "shared_buffers=256MB", "-c",
                       "max_wal_size=4GB"});
  try {
    wait_until_ready();
  } catch (...) {
    ::kill(postmaster_, SIGQUIT);
    ::waitpid(postmaster_, nullptr, 0);
    throw;
  }
}

postgres_server::~postgres_server() {
  ::kill(postmaster_, SIGINT);  // a "fast" shutdown: ends connections, writes a checkpoint
  ::waitpid(postmaster_, nullptr, 0);
}

std::string postgres_server::address() const {
  return "host=" + sockets_.path().string() + " user=bench dbname=postgres";
}

std::uint64_t postgres_server::bytes_written() const {
  std::uint64_t sum = 0;
  for (const pid_t one : with_children(postmaster_)) sum += bench::bytes_written(one);
  return sum;
}

std::uint64_t postgres_server::anonymous_memory() const {
  std::uint64_t sum = 0;
  for (const pid_t one : with_children(postmaster_)) sum += bench::anonymous_memory(one);
  return sum;
}

// What it prints goes to the file `server.log` in the directory.
pid_t postgres_server::start(const std::vector<std::string>& command) const {
  std::vector<std::string> words = as_server();
  words.insert(words.end(), command.begin(), command.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, (directory_ / "server.log").c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  ::posix_spawn_file_actions_addchdir_np(&actions, "/");  // a folder that any user may look at
  pid_t started = -1;
  const int status = ::posix_spawnp(&started, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (status != 0) throw std::system_error(status, std::generic_category(), "postgres: cannot start " + words.front());
  return started;
}

void postgres_server::wait_until_ready() {
  using namespace std::chrono_literals;
  const auto patience = std::chrono::steady_clock::now() + 60s;
  while (::PQping(address().c_str()) != PQPING_OK) {
    if (::waitpid(postmaster_, nullptr, WNOHANG) == postmaster_) fail("the server ended when it was started");
    if (std::chrono::steady_clock::now() > patience) fail("the server takes no connections");
    std::this_thread::sleep_for(10ms);
  }
}

void postgres_server::fail(const std::string& what) const {
  std::ifstream log(directory_ / "server.log");
  std::string said{std::istreambuf_iterator<char>(log), {}};
  constexpr std::size_t most = 2000;
  if (said.size() > most) said.erase(0, said.size() - most);
  throw std::runtime_error("postgres: " + what + "; it said:\n" + said);
}

}  // namespace bench
