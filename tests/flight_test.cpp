// The flight recorder: what is marked, what follows from what a dead process left, and what is made of files that are none.
#include "flight/recorder.hpp"

#include "flight/inquest.hpp"
#include "flight/mark.hpp"
#include "flight/out_of_memory.hpp"
#include "flight/record.hpp"
#include "record/key.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/null_backend.hpp"
#include "support/quiet.hpp"
#include "support/temp_dir.hpp"

#include <pawl/pawl.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

using namespace pawl::core;
using namespace std::chrono_literals;
using pawl::test::child_process;
using pawl::test::temp_dir;

namespace {

constexpr boot_id this_one{std::byte{1}};

flight_slot call_of(item_id item, std::uint64_t call = 1) {
  flight_slot slot{};
  slot.call = call;
  slot.item = item;
  slot.entries = 1;
  slot.thread = 7;
  return slot;
}

flight_record record_of(std::vector<flight_slot> calls) {
  flight_record record;
  record.header.boot = this_one;
  record.header.number = 5;
  record.calls = std::move(calls);
  return record;
}

std::vector<finding> findings(const flight_record& record, const oom_counters& now = {}, bool suspected = false,
                              const boot_id& boot = this_one) {
  std::vector<finding> all;
  for (const auto& one : hold_inquest(record, now, boot, [&](const flight_slot&) { return suspected; }).calls)
    all.push_back(one.found);
  return all;
}

using enum finding;
using expected = std::vector<finding>;

fatal_note fault_in(std::uint64_t call) { return {call, fatal_cause::fault, SIGSEGV, 1, 0, 8}; }

constexpr oom_counters one_killed{.group = 0, .in_group = 0, .in_machine = 1};

struct recorder_of {
  explicit recorder_of(const std::filesystem::path& directory, std::uint32_t max_crashes = 3, bool handlers = false,
                       const std::optional<flight_company>& company = {})
      : recorder(machine_files(), {.directory = directory, .slots = 4, .handlers = handlers, .max_crashes = max_crashes},
                 store, company ? &*company : nullptr, warnings, told) {}
  pawl::test::null_backend store;
  std::vector<std::string> warnings;
  std::vector<std::string> told;
  flight_recorder recorder;
};

void write_file(const std::filesystem::path& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

std::string content(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("a signal that the thread of a call brought about counts against it and clears the others") {
  std::vector<flight_slot> calls{call_of(1), call_of(2)};
  calls[1].fatal = fault_in(1);
  CHECK(findings(record_of(calls)) == expected{nothing, counted});
  CHECK(findings(record_of(calls), one_killed) == expected{nothing, counted});
}

TEST_CASE("a note that belongs to an earlier call of the same worker says nothing of this one") {
  std::vector<flight_slot> calls{call_of(1, 3)};
  calls[0].fatal = fault_in(1);
  CHECK(findings(record_of(calls)) == expected{nothing});
}

TEST_CASE("a kill from outside says nothing, whoever was alone, and whoever was suspected") {
  CHECK(findings(record_of({call_of(1)}), {}, true) == expected{nothing});
  CHECK(findings(record_of({call_of(1), call_of(2)}), {}, true) == expected{nothing, nothing});
  flight_record sent = record_of({call_of(1)});
  sent.header.death = {0, fatal_cause::sent, SIGSEGV, 0, 42, 0};
  CHECK(findings(sent, one_killed, true) == expected{nothing});
}

TEST_CASE("a kill for memory makes suspects, and counts only against a suspect that was alone") {
  CHECK(findings(record_of({call_of(1), call_of(2)}), one_killed) == expected{suspected, suspected});
  CHECK(findings(record_of({call_of(1), call_of(2)}), one_killed, true) == expected{suspected, suspected});
  CHECK(findings(record_of({call_of(1)}), one_killed) == expected{suspected});
  CHECK(findings(record_of({call_of(1)}), one_killed, true) == expected{counted});
}

TEST_CASE("after a restart of the machine nothing counts, and where boots cannot be told apart neither") {
  std::vector<flight_slot> calls{call_of(1)};
  calls[0].fatal = fault_in(1);
  CHECK(findings(record_of(calls), {}, false, boot_id{std::byte{2}}) == expected{nothing});
  flight_record unknown = record_of(calls);
  unknown.header.boot = {};
  CHECK(findings(unknown, {}, false, boot_id{}) == expected{nothing});
}

TEST_CASE("a call for several items is only suspected, however sure it is that it crashed") {
  std::vector<flight_slot> calls{call_of(1)};
  calls[0].entries = 100;
  calls[0].fatal = fault_in(1);
  CHECK(findings(record_of(calls)) == expected{suspected});
}

TEST_CASE("of two deaths in a batch the one with more entries says how many are called one by one") {
  const temp_dir dir;
  pawl::test::null_backend store;
  std::vector<std::string> warnings;
  crash_counts counts(machine_files(), dir / "flight", store.uuid(), false, warnings);
  std::uint64_t number = 1;
  for (const std::uint32_t entries : {100u, 20u}) {
    std::vector<flight_slot> calls{call_of(1)};
    calls[0].entries = entries;
    calls[0].workflow = 1;
    calls[0].generation = 3;  // of the first of them
    calls[0].fatal = fault_in(1);
    flight_record record = record_of(calls);
    record.header.number = number++;
    std::vector<std::string> told;
    CHECK(take_in(record, {}, this_one, store, counts, told));
  }
  REQUIRE(counts.find_batch(1, 0));
  CHECK(counts.find_batch(1, 0)->entries == 100);
}

TEST_CASE("kills for memory are told by the group while that is the same, else by the machine") {
  CHECK(killed_for_memory({.group = 3, .in_group = 1, .in_machine = 1}, {.group = 3, .in_group = 2, .in_machine = 2}));
  CHECK_FALSE(killed_for_memory({.group = 3, .in_group = 1, .in_machine = 1}, {.group = 3, .in_group = 1, .in_machine = 2}));
  CHECK(killed_for_memory({.group = 3, .in_group = 1, .in_machine = 1}, {.group = 4, .in_group = 0, .in_machine = 2}));
  CHECK_FALSE(killed_for_memory({.group = 3, .in_group = 1, .in_machine = 1}, {.group = 4, .in_group = 9, .in_machine = 1}));
}

TEST_CASE("the kernel's counters are read from both kinds of control groups, and from the machine's list") {
  const temp_dir dir;
  const auto put = [&](const std::string& path, const std::string& text) {
    std::filesystem::create_directories((dir / path).parent_path());
    write_file(dir / path, text);
  };
  CHECK(read_oom_counters(dir.path()).group == 0);
  put("proc/vmstat", "nr_free_pages 100\noom_kill 7\n");
  put("proc/self/cgroup", "0::/a/b\n");
  put("sys/fs/cgroup/a/b/memory.events", "low 0\nhigh 0\nmax 3\noom 2\noom_kill 2\noom_group_kill 0\n");
  oom_counters found = read_oom_counters(dir.path());
  CHECK(found.in_machine == 7);
  CHECK(found.in_group == 2);
  CHECK(found.group != 0);
  put("proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/c\n0::/a/b\n");
  put("sys/fs/cgroup/memory/c/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n");
  found = read_oom_counters(dir.path());
  CHECK(found.in_group == 5);
  put("proc/self/cgroup", "0::/not/seen/from/here\n");
  put("sys/fs/cgroup/memory.events", "oom_kill 4\n");
  CHECK(read_oom_counters(dir.path()).in_group == 4);
}

TEST_CASE("a mark is seen from outside while its call is under way, with what belongs to it") {
  const temp_dir dir;
  recorder_of one(dir / "flight");
  CHECK(one.warnings.empty());
  const auto numbers = flight_numbers(dir / "flight");
  REQUIRE(numbers.size() == 1);
  std::string problem;
  const std::string key = "k";
  {
    flight_mark mark(&one.recorder, 3, 2, 1);
    mark.take_thread();
    CHECK(read_flight(dir / "flight", numbers[0], one.store.uuid(), problem)->calls.empty());
    mark.begin(17, 4, 1, 2, key);
    mark.began(99);
    const auto read = read_flight(dir / "flight", numbers[0], one.store.uuid(), problem);
    REQUIRE(read);
    REQUIRE(read->calls.size() == 1);
    const flight_slot& slot = read->calls[0];
    CHECK(slot.item == 17);
    CHECK(slot.step == 4);
    CHECK(slot.generation == 1);
    CHECK(slot.attempt == 2);
    CHECK(slot.workflow == 3);
    CHECK(slot.revision == 2);
    CHECK(slot.worker == 1);
    CHECK(slot.began_ns == 99);
    CHECK(slot.thread == static_cast<std::uint32_t>(::gettid()));
    CHECK(read->header.pid == static_cast<std::uint64_t>(::getpid()));
    mark.end();
    CHECK(read_flight(dir / "flight", numbers[0], one.store.uuid(), problem)->calls.empty());
  }
  CHECK(read_flight(dir / "flight", numbers[0], one.store.uuid(), problem)->workers.empty());
  CHECK(problem.empty());
}

TEST_CASE("a reader never sees parts of two calls, however fast they follow each other") {
  const temp_dir dir;
  recorder_of one(dir / "flight");
  const std::uint64_t number = flight_numbers(dir / "flight").at(0);
  std::atomic<bool> over{false};
  std::thread writer([&] {
    flight_mark mark(&one.recorder, 1, 1, 0);
    mark.take_thread();
    const std::string key;
    for (std::uint32_t i = 0; !over; ++i) {
      mark.begin(i, static_cast<std::uint16_t>(i), i, i, key);
      mark.end();
    }
  });
  std::size_t seen = 0;
  for (int i = 0; i < 20'000 && seen < 200; ++i) {
    std::string problem;
    const auto read = read_flight(dir / "flight", number, one.store.uuid(), problem);
    REQUIRE(read);
    for (const flight_slot& slot : read->calls) {
      ++seen;
      REQUIRE(slot.generation == slot.item);
      REQUIRE(slot.attempt == slot.item);
      REQUIRE(slot.step == static_cast<std::uint16_t>(slot.item));
    }
  }
  over = true;
  writer.join();
}

TEST_CASE("more marks than slots are marked nowhere, and slots come back") {
  const temp_dir dir;
  recorder_of one(dir / "flight");
  const std::string key;
  for (int round = 0; round < 3; ++round) {
    std::vector<std::unique_ptr<flight_mark>> marks;
    for (std::size_t i = 0; i < 6; ++i) {
      marks.push_back(std::make_unique<flight_mark>(&one.recorder, workflow_id{1}, revision_id{1}, i));
      marks.back()->take_thread();
      marks.back()->begin(i, 0, 0, 1, key);
    }
    std::string problem;
    const auto read = read_flight(dir / "flight", flight_numbers(dir / "flight").at(0), one.store.uuid(), problem);
    CHECK(read->calls.size() == 4);
    for (auto& one_mark : marks) one_mark->end();
  }
}

TEST_CASE("what a process died of stands in its record, and the next opening counts it once") {
  const temp_dir dir;
  std::string key;
  key_writer(key).text("poison");
  {
    child_process child([&](int) {
      ::signal(SIGABRT, SIG_DFL);  // not Catch2's
      recorder_of one(dir / "flight", 3, true);
      flight_mark mark(&one.recorder, 1, 1, 0);
      mark.take_thread();
      mark.begin(17, 2, 0, 1, key);
      std::abort();
      return 0;
    });
    REQUIRE(child.wait() == -SIGABRT);
  }
  const std::string record = content(flight_path(dir / "flight", 1));
  {
    recorder_of one(dir / "flight");
    REQUIRE(one.recorder.known(1, key));
    CHECK(one.recorder.known(1, key)->crashes == 1);
    CHECK(one.recorder.known(1, key)->last_step == 2);
    CHECK(one.told.size() == 1);
    CHECK(one.told.at(0).find("cause=\"SIGABRT\"") != std::string::npos);
    CHECK(one.told.at(0).find("key=\"poison\"") != std::string::npos);
    CHECK_FALSE(one.recorder.known(2, key));
    CHECK_FALSE(std::filesystem::exists(flight_path(dir / "flight", 1)));
  }
  // A crash between counting and removing: the same record is met again.
  write_file(flight_path(dir / "flight", 1), record);
  recorder_of again(dir / "flight");
  CHECK(again.recorder.known(1, key)->crashes == 1);
  again.recorder.progressed(1, key, 1);  // not as far as where it died
  CHECK(again.recorder.known(1, key));
  again.recorder.progressed(1, key, 2);
  CHECK_FALSE(again.recorder.known(1, key));
  recorder_of after(dir / "other");
  CHECK_FALSE(after.recorder.knows_any());
}

TEST_CASE("counts outlive any number of openings, and are forgotten for good") {
  const temp_dir dir;
  std::string key;
  key_writer(key).text("poison");
  std::vector<std::string> warnings;
  pawl::test::null_backend store;
  {
    recorder_of made(dir / "flight");
    crash_counts counts(machine_files(), dir / "flight", store.uuid(), false, warnings);
    crash_entry entry{};
    entry.workflow = 1;
    entry.key_digest = digest_of(store.uuid(), std::as_bytes(std::span{key}));
    entry.crashes = 2;
    counts.set(entry);
    counts.write();
  }
  for (int i = 0; i < 3; ++i) CHECK(recorder_of(dir / "flight").recorder.known(1, key)->crashes == 2);
  recorder_of(dir / "flight").recorder.forget(1, key);
  CHECK_FALSE(recorder_of(dir / "flight").recorder.knows_any());
}

TEST_CASE("of several processes each has its own record, and what one finds of a dead one the others learn") {
  const temp_dir dir;
  std::filesystem::create_directory(dir / "flight");
  std::string key;
  key_writer(key).text("poison");
  const auto member = [&](std::uint64_t number, const std::set<std::uint64_t>& living) {
    return std::make_unique<recorder_of>(dir / "flight", 3, true,
                                         flight_company{number, [=](std::uint64_t one) { return living.contains(one); }});
  };
  const auto first = member(11, {});
  child_process child([&](int) {
    ::signal(SIGABRT, SIG_DFL);  // Catch2 would report it
    const auto second = member(12, {11});
    flight_mark mark(&second->recorder, 1, 1, 0);
    mark.take_thread();
    mark.begin(17, 2, 0, 1, key);
    std::abort();
    return 0;
  });
  REQUIRE(child.wait() == -SIGABRT);
  const auto third = member(13, {11, 12});  // who takes the second for living
  CHECK(third->told.empty());
  CHECK(flight_numbers(dir / "flight") == std::vector<std::uint64_t>{11, 12, 13});
  std::vector<std::string> told;
  CHECK(first->recorder.take_in_dead(12, told));
  REQUIRE(told.size() == 1);
  CAPTURE(told[0]);
  CHECK(told[0].find("key=\"poison\" step=(step 3) verdict=counted") != std::string::npos);
  CHECK(third->recorder.take_in_dead(12, told));  // it comes too late
  CHECK(told.size() == 1);
  CHECK(flight_numbers(dir / "flight") == std::vector<std::uint64_t>{11, 13});
  REQUIRE(third->recorder.known(1, key));
  CHECK(third->recorder.known(1, key)->crashes == 1);
  third->recorder.forget(1, key);
  CHECK(first->recorder.known(1, key));  // until it asks
  first->recorder.refresh();
  CHECK_FALSE(first->recorder.knows_any());
}

TEST_CASE("files that are none of this state's are told, left out of account and made anew") {
  const temp_dir dir;
  std::filesystem::create_directory(dir / "flight");
  const auto flight = dir / "flight";
  std::string problem;
  SECTION("another size, other bytes, nothing but zeros") {
    write_file(flight / "3", "short");
    write_file(flight / "4", std::string(flight_slots_at + 256, 'x'));
    write_file(flight / "5", std::string(flight_slots_at, '\0'));
    recorder_of one(flight);
    CHECK(one.warnings.size() == 3);
    CHECK(flight_numbers(flight) == std::vector<std::uint64_t>{6});
  }
  SECTION("a pipe, a link, a directory") {
    REQUIRE(::mkfifo((flight / "3").c_str(), 0600) == 0);
    std::filesystem::create_symlink("/etc/passwd", flight / "4");
    std::filesystem::create_directory(flight / "5");
    recorder_of one(flight);
    CHECK(one.warnings.size() == 3);
    CHECK(flight_numbers(flight) == std::vector<std::uint64_t>{5, 6});
    CHECK(std::filesystem::exists("/etc/passwd"));
  }
  SECTION("a record of another state, or whose slots are cut off, or with a flipped bit") {
    std::string record;
    {
      recorder_of other(dir / "other");
      record = content(flight_path(dir / "other", 1));
    }
    std::string foreign = record;
    foreign[16] = static_cast<char>(foreign[16] + 1);  // uuid, with its checksum
    flight_header header;
    std::memcpy(&header, foreign.data(), sizeof header);
    seal(header);
    std::memcpy(foreign.data(), &header, sizeof header);
    write_file(flight / "1", foreign);
    CHECK_FALSE(read_flight(flight, 1, pawl::test::null_backend().uuid(), problem));
    CHECK(problem.find("of another state") != std::string::npos);
    write_file(flight / "1", record.substr(0, record.size() - 1));
    CHECK_FALSE(read_flight(flight, 1, pawl::test::null_backend().uuid(), problem));
    std::string flipped = record;
    flipped[60] = static_cast<char>(flipped[60] ^ 4);
    write_file(flight / "1", flipped);
    CHECK_FALSE(read_flight(flight, 1, pawl::test::null_backend().uuid(), problem));
    write_file(flight / "1", record);
    CHECK(read_flight(flight, 1, pawl::test::null_backend().uuid(), problem));
  }
  SECTION("a list of crashes that is damaged, or a pipe, or a link") {
    write_file(flight / "counts", "nonsense");
    CHECK(recorder_of(flight).warnings.size() == 1);
    std::filesystem::remove(flight / "counts");
    REQUIRE(::mkfifo((flight / "counts").c_str(), 0600) == 0);
    CHECK(recorder_of(flight).warnings.size() == 1);
    std::filesystem::remove(flight / "counts");
    std::filesystem::create_symlink("/etc/passwd", flight / "counts");
    CHECK(recorder_of(flight).warnings.size() == 1);
  }
}

TEST_CASE("where there can be no flight recorder the engine works without, and says so") {
  const temp_dir dir;
  { pawl::engine made(dir / "state", pawl::test::quiet()); }
  std::filesystem::remove_all(dir / "state" / "flight");
  write_file(dir / "state" / "flight", "in its place");
  std::ostringstream log;
  pawl::engine engine(dir / "state", pawl::test::logging_to(log));
  CHECK(log.str().find("is not a plain directory") != std::string::npos);
  const std::vector<int> numbers{1, 2, 3};
  CHECK(engine.run(pawl::workflow<"w">(pawl::step<"a">([](const int& n) { return n; })), numbers).done == 3);
}

TEST_CASE("an engine that was closed leaves no record, and an open one exactly one") {
  const temp_dir dir;
  {
    pawl::engine engine(dir / "state", pawl::test::quiet());
    CHECK(flight_numbers(dir / "state" / "flight").size() == 1);
  }
  CHECK(flight_numbers(dir / "state" / "flight").empty());
}

TEST_CASE("handlers are there while an engine is open, and whoever was there before comes back") {
  struct sigaction before {};
  REQUIRE(::sigaction(SIGFPE, nullptr, &before) == 0);
  const temp_dir dir;
  const auto now = [] {
    struct sigaction one {};
    ::sigaction(SIGFPE, nullptr, &one);
    return one.sa_sigaction;
  };
  {
    pawl::engine engine(dir / "a", pawl::test::quiet());
    CHECK(now() != before.sa_sigaction);
    {
      pawl::engine second(dir / "b", pawl::test::quiet());
      CHECK(now() != before.sa_sigaction);
    }
    CHECK(now() != before.sa_sigaction);
  }
  CHECK(now() == before.sa_sigaction);
  pawl::engine_options without = pawl::test::quiet();
  without.crash_handlers = false;
  pawl::engine engine(dir / "a", without);
  CHECK(now() == before.sa_sigaction);
}

namespace {

int to_parent = -1;

void tells_and_dies(int) {
  static_cast<void>(!::write(to_parent, "called\n", 7));
  ::signal(SIGFPE, SIG_DFL);
  ::raise(SIGFPE);
}


void returns(int) {}

}  // namespace

TEST_CASE("a handler that was there before is called behind ours, and the process dies as it would have") {
  const temp_dir dir;
  child_process child([&](int pipe) {
    to_parent = pipe;
    ::signal(SIGFPE, tells_and_dies);
    pawl::engine engine(dir / "state", pawl::test::quiet());
    const std::vector<int> numbers{1};
    static_cast<void>(engine.run(pawl::workflow<"w">(pawl::step<"a">([](const int& n) {
                                   ::raise(SIGFPE);
                                   return n;
                                 })),
                                 numbers));
    return 0;
  });
  CHECK(child.line() == "called");
  CHECK(child.wait() == -SIGFPE);
  std::ostringstream log;
  pawl::engine engine(dir / "state", pawl::test::logging_to(log));
  CHECK(log.str().find("cause=\"SIGFPE\"") != std::string::npos);
  CHECK(log.str().find("verdict=counted") != std::string::npos);
}

TEST_CASE("a signal that somebody's handler mends is no crash, and a later kill in the same call blames nobody") {
  const temp_dir dir;
  child_process child([&](int pipe) {
    ::signal(SIGFPE, returns);
    pawl::engine engine(dir / "state", pawl::test::quiet());
    const std::vector<int> numbers{1};
    static_cast<void>(engine.run(pawl::workflow<"w">(pawl::step<"a">([&](const int& n) {
                                   ::raise(SIGFPE);
                                   pawl::test::say(pipe, "mended");
                                   std::this_thread::sleep_for(60s);
                                   return n;
                                 })),
                                 numbers));
    return 0;
  });
  CHECK(child.line() == "mended");
  child.kill();
  CHECK(child.wait() == -SIGKILL);
  std::ostringstream log;
  pawl::engine engine(dir / "state", pawl::test::logging_to(log));
  CHECK(log.str().find("cause=\"a kill from outside\"") != std::string::npos);
  CHECK(log.str().find("verdict=none") != std::string::npos);
}

TEST_CASE("the child of a fork that crashes is not this process, and tells nothing in its record") {
  const temp_dir dir;
  child_process child([&](int) {
    pawl::engine engine(dir / "state", pawl::test::quiet());
    const std::vector<int> numbers{1};
    static_cast<void>(engine.run(pawl::workflow<"w">(pawl::step<"a">([](const int& n) {
                                   child_process grandchild([](int) {
                                     ::signal(SIGABRT, SIG_DFL);  // not Catch2's, below ours
                                     std::abort();
                                     return 0;
                                   });
                                   if (grandchild.wait() != -SIGABRT) ::_exit(3);
                                   ::raise(SIGKILL);
                                   return n;
                                 })),
                                 numbers));
    return 0;
  });
  CHECK(child.wait() == -SIGKILL);
  std::ostringstream log;
  pawl::engine engine(dir / "state", pawl::test::logging_to(log));
  CHECK(log.str().find("cause=\"a kill from outside\"") != std::string::npos);
}

TEST_CASE("who has the turn is alone: others wait for its end, and it for theirs") {
  const temp_dir dir;
  recorder_of one(dir / "flight");
  const std::string key;
  const auto never_enough = [] { return false; };
  flight_mark suspect(&one.recorder, 1, 1, 0);
  flight_mark other(&one.recorder, 1, 1, 1);
  other.begin(1, 0, 0, 1, key);
  std::atomic<bool> has_turn{false};
  std::thread waiting([&] {
    suspect.take_turn(never_enough);
    has_turn = true;
  });
  for (int tries = 0; tries < 10'000 && !other.someone_alone(); ++tries) std::this_thread::sleep_for(1ms);
  CHECK(other.someone_alone());
  std::this_thread::sleep_for(30ms);
  CHECK_FALSE(has_turn);
  other.end();
  waiting.join();
  CHECK(has_turn);
  std::atomic<bool> let_go{false};
  std::atomic<bool> there{false};
  std::thread second([&] {
    there = true;
    one.recorder.wait_for_turn(never_enough);
    let_go = true;
  });
  while (!there) std::this_thread::sleep_for(1ms);
  std::this_thread::sleep_for(30ms);
  CHECK_FALSE(let_go);
  suspect.end_turn();
  second.join();
  CHECK_FALSE(other.someone_alone());
  // Nobody ends the turn of another one.
  other.take_turn(never_enough);
  suspect.end_turn();
  CHECK(other.someone_alone());
  // A run that stops waits for nobody.
  one.recorder.wait_for_turn([] { return true; });
  CHECK(one.recorder.take_turn(suspect.slot(), [] { return true; }) == 0);
  other.end_turn();
  CHECK_FALSE(other.someone_alone());
}
