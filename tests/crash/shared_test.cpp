// Several processes on one state (durability rules 24 and 25). What they did is told by a log that their steps append to,
// from outside: no item in two of them at once, no acknowledged step again.
#include <pawl/inspect.hpp>
#include <pawl/pawl.hpp>

#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/error_of.hpp"
#include "support/quiet.hpp"
#include "support/run_tool.hpp"
#include "support/temp_state.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace pawl::test;
using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

namespace {

const std::string program = PAWL_TEST_BUILD_DIR "/tests/crash/shared_child";
const std::string program_with_bug = PAWL_TEST_BUILD_DIR "/tests/canary/shared_child";
constexpr int steps = 3;
constexpr pawl::table<"last", std::string, std::uint64_t> last_number;
constexpr pawl::table<"numbers", std::uint64_t, std::uint64_t> numbers;

int number_from(const char* variable, int otherwise) {
  const char* text = std::getenv(variable);
  return text != nullptr ? std::atoi(text) : otherwise;
}

unsigned seed_of_test() {
  return static_cast<unsigned>(number_from("PAWL_TEST_SEED", static_cast<int>(std::random_device{}() >> 1)));
}

pawl::engine_options shared_by(std::size_t workers) {
  pawl::engine_options options = quiet(workers);
  options.opening = pawl::opening::shared;
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
  [[nodiscard]] std::string state() const { return dir_ / "state"; }
  [[nodiscard]] std::string log() const { return dir_ / "log"; }
  [[nodiscard]] std::string file(const std::string& name) const { return dir_ / name; }

  std::unique_ptr<process> start(std::uint64_t from, std::uint64_t to, const std::vector<std::string>& words = {},
                                 const std::string& which = program) const {
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
};

process::process(const std::string& which, const scene& of, std::uint64_t from, std::uint64_t to,
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

// What the log says, by the rules; the first thing that is wrong.
struct verdict {
  std::string wrong;
  std::uint64_t begun = 0;     // steps
  std::uint64_t repeated = 0;  // of those, such as were under way or not recorded yet at a death
  std::uint64_t taken_over = 0;
  std::set<std::uint64_t> finished;
};

verdict judge(const scene& of) {
  struct known {
    pid_t owner = 0;
    int open = -1;       // the step that is under way
    int furthest = -1;   // that was begun: all before it are acknowledged
    int completed = -1;
  };
  std::map<std::uint64_t, known> items;
  std::set<pid_t> dead;
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

std::uint64_t done_in(const scene& of) {
  const pawl::state_view view(of.state());
  return view.workflows().at(0).count(pawl::item_state::done);
}

struct round_figures {
  int kills = 0;
  verdict found;
  bool all_well = true;
};

// Four processes over the same items, one of which is killed every 100 ms and started again, until one of them is through.
round_figures run_round(std::uint64_t items, std::mt19937& random, const std::string& which = program,
                        const std::vector<std::string>& words = {}, const scene& here = {}) {
  round_figures made;
  std::array<std::unique_ptr<process>, 4> all;
  for (auto& one : all) one = here.start(0, items, words, which);
  const auto some_ended = [&] { return std::any_of(all.begin(), all.end(), [](auto& one) { return one->ended(); }); };
  for (auto next = clock_type::now() + 100ms; !some_ended(); next += 100ms) {
    std::this_thread::sleep_until(next);
    auto& one = all[random() % all.size()];
    if (one->ended()) break;
    here.kill(*one);
    ++made.kills;
    one = here.start(0, items, words, which);
  }
  for (auto& one : all) made.all_well = one->wait() == 0 && made.all_well;
  for (auto& one : all)
    if (one->code != 0) made.found.wrong = "ended with " + std::to_string(one->code) + ": " + one->said;
  if (!made.all_well) return made;
  made.found = judge(here);
  if (!made.found.wrong.empty()) return made;
  if (made.found.finished.size() != items) made.found.wrong = "the log does not show all items finished";
  if (done_in(here) != items) made.found.wrong = "the state does not have all items done";
  const std::string all_done = "items " + std::to_string(items) + " done " + std::to_string(items) + " failed 0 duplicates 0\n";
  for (auto& one : all)
    if (one->said != all_done) made.found.wrong = "a process reports " + one->said;
  return made;
}

}  // namespace

TEST_CASE("four processes over the same items: each does a part, all are done once, and each reports all") {
  const scene here;
  std::array<std::unique_ptr<process>, 4> all;
  for (auto& one : all) one = here.start(0, 3000);
  for (auto& one : all) CHECK(one->wait() == 0);
  for (auto& one : all) CHECK(one->said == "items 3000 done 3000 failed 0 duplicates 0\n");
  const verdict found = judge(here);
  CHECK(found.wrong.empty());
  CAPTURE(found.wrong);
  CHECK(found.begun == 9000);
  CHECK(found.taken_over == 0);
  CHECK(done_in(here) == 3000);
  std::map<pid_t, int> by;
  for (const scene::line& one : here.lines()) ++by[one.pid];
  CHECK(by.size() == 4);
  const said verified = run_tool({"verify", here.state()});
  CAPTURE(verified.out);
  CHECK(verified.code == 0);
}

TEST_CASE("four processes, one of which is killed every 100 ms: no item in two at once, nothing acknowledged again, all done") {
  const unsigned seed = seed_of_test();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto until = clock_type::now() + std::chrono::seconds(number_from("PAWL_TEST_SHARED_SECONDS", 5));
  int rounds = 0;
  int kills = 0;
  std::uint64_t begun = 0;
  std::uint64_t repeated = 0;
  std::uint64_t taken_over = 0;
  do {
    const round_figures made = run_round(1500, random);
    CAPTURE(rounds, made.kills, made.found.wrong);
    REQUIRE(made.found.wrong.empty());
    ++rounds;
    kills += made.kills;
    begun += made.found.begun;
    repeated += made.found.repeated;
    taken_over += made.found.taken_over;
  } while (clock_type::now() < until);
  CHECK(kills > 0);
  std::printf("shared: %d kills at 100 ms each in %d runs of 4 processes, %llu steps begun, %llu of them again after a death, "
              "%llu items taken over, 0 bad\n",
              kills, rounds, static_cast<unsigned long long>(begun), static_cast<unsigned long long>(repeated),
              static_cast<unsigned long long>(taken_over));
}

TEST_CASE("an engine that ignores claims is found") {
  std::mt19937 random(1);
  CHECK_FALSE(run_round(1500, random, program_with_bug).found.wrong.empty());
}

TEST_CASE("transactional steps of four processes, killed every 100 ms, are one after the other") {
  const unsigned seed = seed_of_test();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const scene here;
  const round_figures made = run_round(1500, random, program, {"counted"}, here);
  CAPTURE(made.kills, made.found.wrong);
  REQUIRE(made.found.wrong.empty());
  CHECK(made.kills > 0);
  pawl::engine alone(here.state(), quiet());
  const pawl::table_view view = alone.view();
  std::set<std::uint64_t> items;
  std::uint64_t last = 0;
  for (const auto& [number, item] : view.scan(numbers)) {
    CHECK(number == ++last);
    items.insert(item);
  }
  CHECK(last == 1500);
  CHECK(items.size() == 1500);
  CHECK(view.get(last_number, "") == 1500);
  CHECK(run_tool({"verify", here.state()}).code == 0);
}

TEST_CASE("loops of four processes, one of which is killed every 100 ms, go on in others from their checkpoints") {
  const unsigned seed = seed_of_test();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const scene here;
  const round_figures made = run_round(1000, random, program, {"looped"}, here);
  CAPTURE(made.kills, made.found.wrong);
  REQUIRE(made.found.wrong.empty());
  CHECK(made.kills > 0);
  const auto lines = here.lines();
  CHECK(std::count_if(lines.begin(), lines.end(), [](const scene::line& one) { return one.what == 'C'; }) > 0);
  CHECK(run_tool({"verify", here.state()}).code == 0);
}

struct simulation {
  std::uint64_t number = 0;
  std::uint64_t round = 0;
};

TEST_CASE("a loop goes on in another process where it was, whether its process died or has only stopped its run") {
  const bool dies = GENERATE(true, false);
  CAPTURE(dies);
  const temp_dir dir;
  std::function<void(const simulation&)> look;
  const auto chain = pawl::workflow<"simulations">(
      pawl::pure<"make">([](std::uint64_t number) { return simulation{number, 0}; }),
      pawl::loop<"simulate">(
          [&](simulation& state) {
            look(state);
            std::this_thread::sleep_for(2ms);
            return ++state.round == 100 ? pawl::round::done : pawl::round::again;
          },
          {.every_rounds = 5}),
      pawl::step<"end">([](const simulation& state) { return state.round; }));
  const std::vector<std::uint64_t> items{7};
  pawl::test::child_process other([&](int to_parent) {
    pawl::engine engine(dir / "state", shared_by(1));
    look = [&](const simulation& state) {
      if (state.round == 1 && ::write(to_parent, "go\n", 3) != 3) std::abort();
      if (state.round != 48) return;
      if (dies) ::kill(::getpid(), SIGKILL);
      engine.stop();
    };
    if (!engine.run(chain, items).stopped) return 1;
    look = [](const simulation&) {};
    // It lives on, and has other loops.
    std::vector<std::uint64_t> more(20);
    for (std::size_t i = 0; i < more.size(); ++i) more[i] = 100 + i;
    return engine.run(chain, more).done == 20 ? 0 : 2;
  });
  REQUIRE(other.line() == "go");
  std::vector<std::uint64_t> rounds;
  look = [&](const simulation& state) { rounds.push_back(state.round); };
  pawl::engine engine(dir / "state", shared_by(1));
  CHECK(engine.run(chain, items).done == 1);
  REQUIRE_FALSE(rounds.empty());
  CHECK(rounds.front() == (dies ? 45 : 49));  // a stop makes a checkpoint
  CHECK(rounds.back() == 99);
  CHECK(engine.result(chain, std::uint64_t{7}) == 100);
  CHECK(other.wait() == (dies ? -SIGKILL : 0));
  CHECK(run_tool({"verify", dir / "state"}).code == 0);
}

TEST_CASE("a process that is stopped, wherever it is, and evicted: the others go on, nothing is lost, nothing is done twice") {
  const unsigned seed = seed_of_test();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const int evictions = number_from("PAWL_TEST_EVICTIONS", 4);
  int in_a_commit = 0;
  for (int i = 0; i < evictions; ++i) {
    const scene here;
    std::array<std::unique_ptr<process>, 3> all;
    for (auto& one : all) one = here.start(0, 1200);
    REQUIRE(here.wait_for('E', 100));
    process& stopped = *all[random() % all.size()];
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 50'000));
    if (stopped.ended()) continue;
    stopped.signal(SIGSTOP);
    // A stopped one lives: the others leave its items alone. In the middle of a commit it holds all of them up.
    std::this_thread::sleep_for(300ms);
    const std::size_t before = here.lines().size();
    std::this_thread::sleep_for(700ms);
    if (here.lines().size() == before) ++in_a_commit;
    CHECK(judge(here).wrong.empty());
    here.announce_death(stopped.pid());
    const said evicted = run_tool({"evict", std::to_string(stopped.pid()), here.state()});
    CAPTURE(evicted.out, evicted.err);
    CHECK(evicted.code == 0);
    CHECK(stopped.wait() == -SIGKILL);
    for (auto& one : all)
      if (one.get() != &stopped) CHECK(one->wait() == 0);
    const verdict found = judge(here);
    CAPTURE(found.wrong);
    REQUIRE(found.wrong.empty());
    CHECK(found.finished.size() == 1200);
    CHECK(done_in(here) == 1200);
  }
  std::printf("shared: %d processes stopped and evicted, %d of them in the middle of a commit, 0 bad\n", evictions, in_a_commit);
}

TEST_CASE("a dead process's item goes on in another one within a second, at the step that it had reached") {
  for (const std::string how : {"hold=7", "system=7"}) {  // a child of system() does not keep the dead alive
    CAPTURE(how);
    const scene here;
    const auto first = here.start(0, 20, {"1", how});
    REQUIRE(here.wait_for('H', 7));
    const auto second = here.start(0, 20, {"1"});
    REQUIRE(here.wait_for('E', 19));
    CHECK_FALSE(second->ended());  // item 7 has not ended
    here.kill(*first);
    const auto killed = clock_type::now();
    CHECK(second->wait() == 0);
    const double took = std::chrono::duration<double>(clock_type::now() - killed).count();
    std::printf("shared: taken over and done %.2f s after the death (%s)\n", took, how.c_str());
    CHECK(took < 30);  // the child of system() lives for a minute
    CHECK(second->said == "items 20 done 20 failed 0 duplicates 0\n");
    const verdict found = judge(here);
    CAPTURE(found.wrong);
    CHECK(found.wrong.empty());
    CHECK(found.repeated == 1);  // the step that it was in
    std::vector<int> steps_of_second;
    for (const scene::line& one : here.lines())
      if (one.what == 'S' && one.item == 7 && one.pid == second->pid()) steps_of_second.push_back(one.step);
    CHECK(steps_of_second == std::vector<int>{1, 2});  // not the first one
  }
  static_cast<void>(std::system("pkill -f '^sleep 60$' 2>/dev/null"));
}

TEST_CASE("top shows what the workers of each process are doing, and of a dead one what it was in") {
  const scene here;
  const auto first = here.start(0, 8, {"1", "hold=3"});
  REQUIRE(here.wait_for('H', 3));
  const auto second = here.start(100, 108, {"1", "hold=105"});
  REQUIRE(here.wait_for('H', 105));
  const auto row = [](const process& of, int item, bool alive) {
    return "\\{\"pid\":" + std::to_string(of.pid()) + ",\"alive\":" + (alive ? "true" : "false") +
           ",\"workers\":\\[\\{\"worker\":0,\"thread\":[0-9]+,\"workflow\":\"shared\",\"step\":\"second\",\"key\":" +
           std::to_string(item) + ",";
  };
  const auto shows = [&](const std::string& pattern) {
    const said top = run_tool({"top", here.state(), "--once", "--json"});
    CAPTURE(top.out, pattern);
    CHECK(top.code == 0);
    CHECK(std::regex_search(top.out, std::regex(pattern)));
  };
  shows(row(*first, 3, true));
  shows(row(*second, 105, true));
  second->signal(SIGSTOP);  // so that it does not take over
  here.kill(*first);
  shows(row(*first, 3, false));
}

TEST_CASE("what a dead process had and no source of a living one gives is done by the living, too") {
  const scene here;
  const auto first = here.start(0, 8, {"1", "hold=3"});
  REQUIRE(here.wait_for('H', 3));
  const auto second = here.start(100, 101, {"1", "hold=100"});
  REQUIRE(here.wait_for('H', 100));
  const auto third = here.start(101, 1500, {"2"});
  REQUIRE(here.wait_for('E', 110));
  here.kill(*first);
  CHECK(here.wait_for('E', 3));
  here.kill(*second);
  CHECK(third->wait() == 0);
}

TEST_CASE("whatever the order, and however often the sources give an item, nobody waits for what is done") {
  for (int round = 0; round < 6; ++round) {
    const scene here;
    std::array<std::unique_ptr<process>, 4> all;
    for (auto& one : all) one = here.start(0, 250, {"2", "quick", "shuffled"});
    for (auto& one : all) CHECK(one->wait() == 0);
    for (auto& one : all) CHECK(one->said == "items 250 done 250 failed 0 duplicates 250\n");
    const verdict found = judge(here);
    CAPTURE(found.wrong);
    CHECK(found.wrong.empty());
    CHECK(found.begun == 750);
  }
}

TEST_CASE("a run that is stopped records what it has completed, and leaves its items to others") {
  const temp_dir dir;
  auto options = shared_by(1);
  std::atomic<int> first = 0;
  std::atomic<int> second = 0;
  pawl::engine* to_stop = nullptr;
  const auto chain = pawl::workflow<"stopped">(pawl::pure<"first">([&](std::uint64_t item) {
                                                 ++first;
                                                 if (to_stop != nullptr) to_stop->stop();
                                                 return item;
                                               }),
                                               // It need not wait for the record of the first, which is on its way then.
                                               pawl::pure<"middle">([](std::uint64_t item) { return item; }),
                                               pawl::step<"second">([&](std::uint64_t) { ++second; }));
  pawl::engine engine(dir / "state", options);
  to_stop = &engine;
  const pawl::report stopped = engine.run(chain, std::vector<std::uint64_t>{7});
  CHECK(stopped.items == 1);
  CHECK(stopped.in_progress == 1);
  to_stop = nullptr;
  CHECK(run_tool({"verify", dir / "state"}).code == 0);
  CHECK(engine.run(chain, std::vector<std::uint64_t>{7}).done == 1);
  CHECK(first == 1);
  CHECK(second == 1);
}

struct order {
  std::uint64_t id = 0;
  std::string text;
};

TEST_CASE("what a dead process left behind is finished with its own input, and done again where the source gives another") {
  const temp_dir dir;
  auto options = shared_by(1);
  std::vector<std::string> said;
  bool dies = true;
  const auto chain = pawl::workflow<"orders">(pawl::step<"check">([](const order& one) { return one.text; }),
                                              pawl::step<"say">([&](const std::string& text) {
                                                if (dies) ::kill(::getpid(), SIGKILL);
                                                said.push_back(text);
                                              }))
                         .key(&order::id);
  const std::uint64_t left = GENERATE(as<std::uint64_t>{}, 1, 2);  // two fill the window of one worker; with one the source gives it meanwhile
  CAPTURE(left);
  pawl::test::child_process child([&](int) {
    pawl::engine engine(dir / "state", options);
    std::vector<order> items;
    for (std::uint64_t id = 1; id <= left; ++id) items.push_back({id, "old"});
    static_cast<void>(engine.run(chain, items));
    return 0;
  });
  REQUIRE(child.wait() == -SIGKILL);
  dies = false;
  pawl::engine engine(dir / "state", options);
  SECTION("the source gives one with another input, and not the other") {
    const pawl::report made = engine.run(chain, std::vector<order>{{1, "new"}, {3, "new"}});
    CHECK(made.items == 2);
    CHECK(made.done == 2);
    CHECK(made.changed_inputs == 1);
    CHECK(made.taken_over == left);
    CHECK(std::count(said.begin(), said.end(), "new") == 2);
    CHECK(std::count(said.begin(), said.end(), "old") == static_cast<std::ptrdiff_t>(left));
  }
  SECTION("they are all that is unfinished") {
    const pawl::report made = engine.resume(chain);
    CHECK(made.items == left);
    CHECK(made.done == left);
    CHECK(said == std::vector<std::string>(left, "old"));
    CHECK(engine.run(chain, std::vector<order>{{left, "old"}}).settled_before == 1);
  }
}

TEST_CASE("items that wait for their next attempt hold up no others") {
  const temp_dir dir;
  auto options = shared_by(2);
  std::atomic<int> failures = 0;
  std::atomic<int> others = 0;
  std::atomic<int> others_before = 0;
  const auto chain = pawl::workflow<"waits">(pawl::step<"try">([&](std::uint64_t item, pawl::context& ctx) {
                                               if (item >= 8) {
                                                 ++others;
                                               } else if (ctx.attempt() == 1) {
                                                 ++failures;
                                                 throw std::runtime_error("not yet");
                                               } else if (item == 0) {
                                                 others_before = others.load();
                                               }
                                             }).retry({.attempts = 2, .first_delay = std::chrono::seconds(3), .jitter = 0}));
  std::vector<std::uint64_t> items(500);
  for (std::size_t i = 0; i < items.size(); ++i) items[i] = i;
  pawl::engine engine(dir / "state", options);
  CHECK(engine.run(chain, items).done == 500);
  CHECK(failures == 8);
  CHECK(others_before >= 100);  // all of them, where the machine is not busy
}

TEST_CASE("large inputs that two processes record at once do not stay in two files each") {
  const temp_dir dir;
  const auto run = [&] {
    auto options = shared_by(1);
    pawl::engine engine(dir / "state", options);
    const auto chain = pawl::workflow<"large">(pawl::step<"first">([](const order&) {}), pawl::step<"second">([] {}))
                           .key(&order::id);
    std::vector<order> items;
    for (std::uint64_t i = 0; i < 40; ++i) items.push_back({i, std::string(300'000, 'x')});
    return engine.run(chain, items).done == 40 ? 0 : 1;
  };
  pawl::test::child_process one([&](int) { return run(); });
  pawl::test::child_process other([&](int) { return run(); });
  CHECK(one.wait() == 0);
  CHECK(other.wait() == 0);
  const auto files = std::filesystem::directory_iterator(dir / "state/blobs");
  // Done items have no input any more. (Some may wait for the next opening: the other one may still have seen them.)
  CHECK(std::distance(begin(files), end(files)) < 10);
}

TEST_CASE("another chain of a workflow that is being run is refused, and names the process that runs it") {
  const scene here;
  const auto first = here.start(0, 20, {"1", "hold=7"});
  REQUIRE(here.wait_for('H', 7));
  const auto other = here.start(0, 20, {"1", "longer"});
  CHECK(other->wait() == 3);
  CHECK(other->said.find("lmdb: process " + std::to_string(first->pid()) + ", which shares ") == 0);
  CHECK(other->said.find("another chain") != std::string::npos);
  here.kill(*first);
  const auto again = here.start(0, 20, {"1", "longer"});
  CHECK(again->wait() == 0);
}

TEST_CASE("shared and alone exclude each other, and the sentence names the process") {
  const scene here;
  {
    const auto first = here.start(0, 20, {"1", "hold=7"});
    REQUIRE(here.wait_for('H', 7));
    const std::string refused = error_of([&] { pawl::engine alone(here.state(), quiet()); }).what();
    CHECK(refused.find("process " + std::to_string(first->pid()) + ", which shares it with others") != std::string::npos);
    const said retried = run_tool({"retry", here.state(), "--workflow", "shared", "--all"});
    CHECK(retried.code != 0);
    CHECK(run_tool({"compact", here.state()}).code != 0);
    CHECK(run_tool({"status", here.state()}).code == 0);
    here.kill(*first);
  }
  {
    pawl::engine alone(here.state(), quiet());
    const auto refused = here.start(0, 20);
    CHECK(refused->wait() == 3);
    CHECK(refused->said.find("process " + std::to_string(::getpid()) + ", which has it alone") != std::string::npos);
  }
  const auto last = here.start(0, 20);  // and what the first left is done
  CHECK(last->wait() == 0);
  CHECK(last->said == "items 20 done 20 failed 0 duplicates 0\n");
  CHECK(judge(here).wrong.empty());
}

TEST_CASE("a state whose journal is not folded in is opened alone before it can be shared") {
  const scene here;
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    pawl::engine alone(here.state(), quiet());
    const auto chain = pawl::workflow<"mine">(pawl::step<"first">([](const std::uint64_t& number) { return number; }));
    std::vector<std::uint64_t> items(100);
    for (std::size_t i = 0; i < items.size(); ++i) items[i] = i;
    static_cast<void>(alone.run(chain, items));
    ::kill(::getpid(), SIGKILL);
  }
  ::waitpid(child, nullptr, 0);
  const auto refused = here.start(0, 20);
  CHECK(refused->wait() == 3);
  CHECK(refused->said.find("open it once alone") != std::string::npos);
  { const pawl::engine alone(here.state(), quiet()); }
  const auto shared = here.start(0, 20);
  CHECK(shared->wait() == 0);
  pawl::engine alone(here.state(), quiet());  // and back
  const auto chain = pawl::workflow<"mine">(pawl::step<"first">([](const std::uint64_t& number) { return number; }));
  CHECK(alone.run(chain, std::vector<std::uint64_t>{1, 2, 1000}).settled_before == 2);
}

TEST_CASE("where the lock of transactional steps is lost, nothing is lost in silence") {
  const scene here;
  std::array<std::unique_ptr<process>, 3> all;
  for (auto& one : all) one = here.start(0, 3000, {"counted"});
  REQUIRE(here.wait_for('E', 50));
  std::filesystem::remove(std::filesystem::path(here.state()) / "tables.lock");
  all[2]->kill();
  all[2] = here.start(0, 3000, {"counted"});  // has the lock on another file
  for (auto& one : all) {
    const int code = one->wait();
    CAPTURE(one->said);
    CHECK((code == 0 || (code == 3 && one->said.find("`tables.lock` was lost") != std::string::npos)));
  }
  const auto last = here.start(0, 3000, {"counted"});
  CHECK(last->wait() == 0);
  pawl::engine alone(here.state(), quiet());
  CHECK(alone.view().get(last_number, "") == 3000);
}

TEST_CASE("a process that is stopped while it opens the state is found and evicted") {
  const scene here;
  { pawl::engine made(here.state(), shared_by(1)); }
  // As far as an opening comes before its seat: the first byte of `owner`, for reading.
  pawl::test::child_process joining([&](int to_parent) {
    const int fd = ::open((here.state() + "/owner").c_str(), O_RDWR);
    struct flock first {};
    first.l_type = F_RDLCK;
    first.l_whence = SEEK_SET;
    first.l_len = 1;
    if (::fcntl(fd, F_SETLK, &first) != 0 || ::write(to_parent, "there\n", 6) != 6) return 1;
    for (;;) ::pause();
  });
  REQUIRE(joining.line() == "there");
  const auto other = here.start(0, 8, {"1", "hold=3"});
  REQUIRE(here.wait_for('H', 3));
  const said evicted = run_tool({"evict", std::to_string(joining.pid()), here.state()});
  CAPTURE(evicted.out, evicted.err);
  CHECK(evicted.code == 0);
  CHECK(joining.wait() == -SIGKILL);
}

TEST_CASE("what several processes cannot agree on is refused with a sentence") {
  const temp_dir dir;
  auto options = shared_by(1);
  const auto refusal = [](auto&& call) {
    const pawl::error refused = error_of(call);
    CHECK(refused.code() == pawl::errc::bad_argument);
    return std::string(refused.what());
  };
  {
    auto other = options;
    other.durability = pawl::durability::process;
    CHECK(refusal([&] { pawl::engine engine(dir / "state", other); }).find("no journal") !=
          std::string::npos);
    other = options;
    other.threads = pawl::threads::none;
    CHECK(refusal([&] { pawl::engine engine(dir / "state", other); }).find("threads") !=
          std::string::npos);
  }
  pawl::engine engine(dir / "state", options);
  const std::vector<std::uint64_t> items{1, 2, 3};
  const auto child = pawl::workflow<"child">(pawl::step<"one">([](const std::uint64_t& number) { return number; }));
  const auto parent = pawl::workflow<"parent">(
      pawl::each<"all">([](const std::uint64_t& number) { return std::vector<std::uint64_t>{number}; }, child));
  CHECK(refusal([&] { static_cast<void>(engine.run(parent, items)); }).find("step 'all', which makes children") !=
        std::string::npos);
  const auto plain = pawl::workflow<"plain">(pawl::step<"first">([](const std::uint64_t& number) { return number; }));
  CHECK(refusal([&] { static_cast<void>(engine.submit(plain, std::uint64_t{1})); }).find("sources of runs") != std::string::npos);
  CHECK(refusal([&] { static_cast<void>(engine.retry("plain")); }).find("need the state alone") != std::string::npos);
  CHECK(engine.run(plain, items).done == 3);
  CHECK(engine.run(plain, items).settled_before == 3);
  CHECK(engine.resume(plain).items == 0);
}

TEST_CASE("failures, retries, skips and changed inputs are as they are alone") {
  const temp_dir dir;
  auto options = shared_by(3);
  const auto chain = pawl::workflow<"orders">(
                         pawl::pure<"read">([](const order& one) { return one.text; }),
                         pawl::step<"check">(
                             [](const std::string& text) -> pawl::outcome<std::string> {
                               if (text == "bad") throw std::runtime_error("it is bad");
                               if (text == "skip") return pawl::skip("not wanted");
                               return text + "!";
                             }))
                         .key(&order::id);
  std::vector<order> items;
  for (std::uint64_t i = 0; i < 500; ++i) items.push_back({i, i % 50 == 3 ? "bad" : i % 50 == 4 ? "skip" : "good"});
  items.push_back({5, "good"});
  {
    pawl::engine engine(dir / "state", options);
    const pawl::report first = engine.run(chain, items);
    CHECK(first.items == 500);
    CHECK(first.done == 480);
    CHECK(first.failed == 10);
    CHECK(first.skipped == 10);
    CHECK(first.duplicates == 1);
    items[3].text = "mended";
    items[10].text = "changed";
    const pawl::report second = engine.run(chain, items);
    CHECK(second.done == 481);
    CHECK(second.failed == 9);
    CHECK(second.changed_inputs == 2);
    CHECK(engine.result(chain, std::uint64_t{10}) == "changed!");
    CHECK(engine.resume(chain).failed == 9);
  }
  CHECK(run_tool({"verify", dir / "state"}).code == 0);
}
