// compact, repair and backup, killed before every write, flush, renaming and removal: the state is as it was or as it is to be,
// and a backup of that name is whole or not there.
#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "support/whole_state.hpp"

#include "lmdb/catalogue.hpp"
#include "lmdb/owner_lock.hpp"
#include "lmdb/transaction.hpp"
#include "record/key.hpp"

#include <pawl/error.hpp>
#include <pawl/inspect.hpp>
#include <pawl/maintain.hpp>

#include <sys/wait.h>

#include <map>
#include <sstream>

namespace fs = std::filesystem;
using namespace pawl;
using namespace pawl::test;

namespace {

// Its exit code, or -signal.
int run_child(std::vector<std::string> words) {
  words.insert(words.begin(), PAWL_TEST_BUILD_DIR "/tests/crash/maintain_child");
  std::vector<char*> argv;
  for (std::string& one : words) argv.push_back(one.data());
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0) {
    ::alarm(120);  // a hang is a failure
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {}
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// States and errors of all items, and how many entries tables have.
std::map<std::string, std::string> told_of(const fs::path& state) {
  const state_view view(state);
  std::map<std::string, std::string> all;
  for (const item_view& item : view.items({.limit = 1000}).items)
    all[item.key.to_string()] = std::string(name_of(item.state)) + " " + std::to_string(item.steps_completed) + " " + item.error;
  for (const table_info& table : view.tables()) all["table " + table.name] = std::to_string(table.entries);
  return all;
}

struct made_state {
  temp_dir dir;
  fs::path made = dir / "made";
  std::map<std::string, std::string> told;
  made_state() {
    whole::make(made);
    told = told_of(made);
  }
  void copy_to(const fs::path& place) const { fs::copy(made, place, fs::copy_options::recursive); }
};

// What is wrong with it; empty: nothing.
std::string problem_of(const fs::path& state, const std::map<std::string, std::string>& told, bool may_be_unrepaired = false) {
  try {
    const verify_report found = verify(state);
    for (const verify_finding& one : found.findings)
      if (!may_be_unrepaired || !one.derived) return one.sentence;
    return told_of(state) == told ? "" : "it tells something else";
  } catch (const error& failure) {
    return failure.what();
  }
}

void forget_key(const fs::path& state) {
  core::environment env(state, core::access_mode::write, core::default_map_size(), core::owner_lock::take(state));
  core::write_transaction txn(env);
  env.set_identity(core::read_identity(txn));
  std::string typed;
  core::key_writer(typed).number(false, 8);
  core::lmdb_key name;
  core::make_index_key(env.salt(), 1, typed, name);
  REQUIRE(txn.erase(env.in().index, name.bytes()));
  txn.commit("commit");
}

}  // namespace

TEST_CASE("killed anywhere in a compaction or a repair, the state is as it was or as it is to be, and the next one goes through") {
  made_state made;
  for (const std::string mode : {"compact", "repair"}) {
    if (mode == "repair") forget_key(made.made);
    int kills = 0;
    for (long at = 1;; ++at) {
      CAPTURE(mode, at);
      const temp_dir dir;
      const fs::path state = dir / "state";
      made.copy_to(state);
      const int end = run_child({state, "-", mode, std::to_string(at)});
      if (end == 0) break;
      REQUIRE(end == -SIGKILL);
      ++kills;
      CHECK(problem_of(state, made.told, mode == "repair").empty());
      if (at % 4 != 0) continue;
      REQUIRE(run_child({state, "-", mode, "0"}) == 0);
      CHECK(problem_of(state, made.told).empty());
      CHECK_FALSE(fs::exists(state / "rewrite"));
    }
    CHECK(kills > 15);
  }
}

TEST_CASE("killed anywhere in a backup, it is whole or not there, and the state is what it was") {
  const made_state made;
  int kills = 0;
  for (long at = 1;; ++at) {
    CAPTURE(at);
    const temp_dir dir;
    const int end = run_child({made.made, dir / "copy", "backup", std::to_string(at)});
    if (end != 0) REQUIRE(end == -SIGKILL);
    if (fs::exists(dir / "copy")) CHECK(problem_of(dir / "copy", made.told).empty());
    else CHECK(end != 0);
    if (end == 0) break;
    ++kills;
  }
  CHECK(kills > 30);
  CHECK(problem_of(made.made, made.told).empty());
}

TEST_CASE("a compaction that removes before it renames, and a backup that is written where it will lie, are found out") {
  const made_state made;
  for (const std::string mode : {"hasty", "plain copy"}) {
    CAPTURE(mode);
    bool found = false;
    for (long at = 1; !found; ++at) {
      const temp_dir dir;
      made.copy_to(dir / "state");
      if (run_child({dir / "state", dir / "copy", mode, std::to_string(at)}) != -SIGKILL) break;
      const fs::path which = mode == "hasty" ? dir / "state" : dir / "copy";
      found = fs::exists(which) && !problem_of(which, made.told).empty();
    }
    CHECK(found);
  }
}
