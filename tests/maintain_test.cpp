// pawl::compact and pawl::backup: what is in the state stays, and what the copy is.
#include <pawl/inspect.hpp>
#include <pawl/maintain.hpp>

#include "state/open.hpp"

#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/run_tool.hpp"
#include "support/temp_dir.hpp"
#include "support/whole_state.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <thread>

namespace fs = std::filesystem;
using namespace pawl;
using namespace pawl::test;
using Catch::Contains;
using namespace std::chrono_literals;

namespace {

// All that is told of a state, but for times.
std::map<std::string, std::string> told_of(const fs::path& state) {
  const state_view view(state);
  std::map<std::string, std::string> all;
  for (const workflow_view& one : view.workflows())
    for (const std::uint64_t count : one.by_state) all["counts of " + one.name] += std::to_string(count) + " ";
  item_query query{.limit = 1000, .values = true};
  do {
    const item_page page = view.items(query);
    REQUIRE(page.damaged.empty());
    for (const item_view& item : page.items) {
      std::string& text = all["item " + item.key.to_string()];
      text = std::string(name_of(item.state)) + " " + std::to_string(item.steps_completed) + " " + item.error;
      for (const auto& value : {item.input, item.result})
        if (value) text += " " + std::to_string(std::hash<std::string>{}(value->json));
      for (const value_view& value : item.kept) text += " " + std::to_string(std::hash<std::string>{}(value.json));
    }
    query.after = page.next;
  } while (!query.after.empty());
  for (const table_info& table : view.tables())
    for (const table_row& row : view.entries(table.name).rows) all["table " + table.name] += row.key.to_string() + "=" + row.json + " ";
  return all;
}

std::array<std::byte, 16> uuid_of(const fs::path& state) { return core::open_state_reader(state)->uuid(); }

std::multiset<std::string> calls_of_finishing(const fs::path& state) {
  whole::calls seen;
  std::ostringstream log;
  const report done = whole::finish(state, seen, log);
  CHECK(done.done + done.failed + done.skipped == whole::items);
  INFO(log.str());
  CHECK(log.str().find("started_over") == std::string::npos);
  CHECK(verify(state).whole());
  return seen.all();
}

auto many(int step_size) {
  return workflow<"many">(pawl::step<"make">([step_size](int n) { return std::string(static_cast<std::size_t>(step_size), static_cast<char>('a' + n % 26)); }).keep(),
                          pawl::step<"use">([](const std::string& text) { return text.size(); }));
}

}  // namespace

TEST_CASE("a compacted state has all that it had, its uuid, its journal, and less room") {
  const temp_dir dir;
  whole::make(dir / "state");
  fs::copy(dir / "state", dir / "as it was", fs::copy_options::recursive);
  const auto before = told_of(dir / "state");
  const auto uuid = uuid_of(dir / "state");
  const compact_report made = compact(dir / "state");
  CHECK(made.bytes_after <= made.bytes_before);
  CHECK(told_of(dir / "state") == before);
  CHECK(uuid_of(dir / "state") == uuid);
  CHECK(verify(dir / "state").whole());
  CHECK(verify(dir / "state").journaled > 0);
  struct stat status {};
  REQUIRE(::stat((dir / "state" / "data.mdb").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  CHECK(calls_of_finishing(dir / "state") == calls_of_finishing(dir / "as it was"));
  CHECK(told_of(dir / "state") == told_of(dir / "as it was"));
}

TEST_CASE("compacting after a prune gives the room back") {
  const temp_dir dir;
  const fs::path state = dir / "state";
  {
    engine owner(state, quiet());
    REQUIRE(owner.run(many(3000), whole::up_to(1500)).done == 1500);
    REQUIRE(owner.prune("many", {.done_at_most = 10}).removed == 1490);
  }
  const compact_report made = compact(state);
  CHECK(made.bytes_before > 4'000'000);
  CHECK(made.bytes_after < 300'000);
  CHECK(verify(state).whole());
  CHECK(verify(state).items == 10);
  engine owner(state, quiet());
  const report again = owner.run(many(3000), whole::up_to(1500));
  CHECK(again.done == 1500);
}

TEST_CASE("compacting is refused while anybody has the state open, and where there is none") {
  const temp_dir dir;
  const fs::path state = dir / "state";
  { engine owner(state, quiet()); }
  SECTION("an engine of this process") {
    const engine owner(state, quiet());
    CHECK_THROWS_WITH(compact(state), Contains("open in this process"));
  }
  SECTION("a reader of this process") {
    const state_view view(state);
    CHECK_THROWS_WITH(compact(state), Contains("open in this process"));
  }
  SECTION("a reader of another process that is not reading") {
    child_process reader([&](int pipe) {
      const state_view view(state);
      static_cast<void>(view.workflows());
      say(pipe, "open");
      ::pause();
      return 0;
    });
    REQUIRE(reader.line() == "open");
    CHECK_THROWS_WITH(compact(state), Contains("process " + std::to_string(reader.pid())));
  }
  SECTION("no state") { CHECK_THROWS_WITH(compact(dir / "nothing"), Contains("there is no state")); }
  CHECK_FALSE(fs::exists(state / "rewrite"));
}

TEST_CASE("a backup has what the state had, is another state, and nothing done in it is done again") {
  const temp_dir dir;
  whole::make(dir / "state");
  const auto before = told_of(dir / "state");
  const backup_report made = backup(dir / "state", dir / "copy");
  CHECK(made.items == whole::items);
  CHECK(made.files == 2);
  CHECK(made.checkpoints == 2);
  CHECK(made.journaled > 0);
  CHECK(told_of(dir / "copy") == before);
  CHECK(told_of(dir / "state") == before);
  CHECK(uuid_of(dir / "copy") != uuid_of(dir / "state"));
  CHECK(verify(dir / "copy").whole());
  CHECK(verify(dir / "copy").journaled == 0);
  for (const auto& one : fs::directory_iterator(dir.path())) CHECK_THAT(one.path().filename().string(), !Catch::StartsWith("."));
  const auto calls = calls_of_finishing(dir / "copy");
  CHECK(calls == calls_of_finishing(dir / "state"));
  CHECK(calls.count("write 45") == 1);
  CHECK(told_of(dir / "copy") == told_of(dir / "state"));
  // A copy of a copy: digests of inputs are still the first original's.
  static_cast<void>(backup(dir / "copy", dir / "copy of it"));
  CHECK(told_of(dir / "copy of it") == told_of(dir / "state"));
  whole::calls seen;
  std::ostringstream log;
  static_cast<void>(whole::finish(dir / "copy of it", seen, log));
  for (const std::string& one : seen.all()) CHECK_THAT(one, Catch::StartsWith("read"));  // those that fail, once more
}

TEST_CASE("keys that are hashed in the index are found in a backup, and inputs count as the same") {
  const temp_dir dir;
  std::vector<std::string> inputs;
  for (int n = 0; n < 20; ++n) inputs.push_back(std::string(n % 2 == 0 ? 700 : 20, 'k') + std::to_string(n));
  int calls = 0;
  const auto work = workflow<"long keys">(pawl::step<"count">([&calls](const std::string& text) {
    ++calls;
    return text.size();
  }));
  {
    engine owner(dir / "state", quiet());
    REQUIRE(owner.run(work, inputs).done == 20);
  }
  static_cast<void>(backup(dir / "state", dir / "copy"));
  engine owner(dir / "copy", quiet());
  CHECK(owner.run(work, inputs).done == 20);
  CHECK(calls == 20);
}

TEST_CASE("backups made while an engine works are whole, and each can be finished") {
  const temp_dir dir;
  const fs::path state = dir / "state";
  constexpr int items = 6000;
  child_process worker([&](int pipe) {
    engine owner(state, quiet(2));
    say(pipe, "open");
    const auto slow = workflow<"many">(pawl::step<"make">([](int n) {
                                         if (n % 20 == 0) std::this_thread::sleep_for(2ms);
                                         return std::string(n % 400 == 0 ? 3'000'000u : n % 50 == 0 ? 300'000u : 100u, static_cast<char>('a' + n % 26));
                                       }).keep(),
                                       pawl::step<"use">([](const std::string& text) { return text.size(); }));
    return owner.run(slow, whole::up_to(items)).done == items ? 0 : 1;
  });
  REQUIRE(worker.line() == "open");
  std::size_t unfinished = 0;
  for (int copies = 0; copies < 3; ++copies) {
    std::this_thread::sleep_for(60ms);
    const fs::path copy = dir / ("copy " + std::to_string(copies));
    static_cast<void>(backup(state, copy));
    const auto counted = state_view(copy).workflows();
    const std::uint64_t done = counted.empty() ? 0 : counted[0].count(item_state::done);
    unfinished += done < items;
    if (copies != 1) continue;
    std::atomic<std::uint64_t> made{0};
    engine owner(copy, quiet());
    const auto counting = workflow<"many">(pawl::step<"make">([&made](int n) {
                                             ++made;
                                             return std::string(100u, static_cast<char>('a' + n % 26));
                                           }).keep(),
                                           pawl::step<"use">([](const std::string& text) { return text.size(); }));
    const report report = owner.run(counting, whole::up_to(items));
    CHECK(report.done == items);
    CHECK(made <= items - done);
  }
  CHECK(unfinished != 0);
  CHECK(worker.wait() == 0);
  CHECK(verify(state).whole());
}

TEST_CASE("a backup has no checkpoint of a loop that an item has come to behind its moment") {
  const temp_dir dir;
  std::atomic<bool> go{false};
  std::atomic<bool> over{false};
  std::atomic<int> rounds{0};
  const auto chain = workflow<"later">(pawl::step<"fetch">([&](int n) {
                                         while (n == 2 && !go) std::this_thread::sleep_for(1ms);
                                         return std::string(n == 1 ? 300'000u : 10u, 'x');
                                       }).keep(),
                                       pawl::loop<"spin">(
                                           [&](std::string& text) {
                                             if (text.size() > 100) return round::done;
                                             text[0] = static_cast<char>('a' + ++rounds % 26);
                                             std::this_thread::sleep_for(1ms);
                                             return over ? round::done : round::again;
                                           },
                                           {.every_rounds = 1}),
                                       pawl::step<"end">([](const std::string& text) { return text.size(); }));
  engine owner(dir / "state", quiet(2));
  std::thread running([&] { static_cast<void>(owner.run(chain, std::vector<int>{1, 2})); });
  const auto done = [&] {
    const auto counted = state_view(dir / "state").workflows();
    return counted.empty() ? 0 : counted[0].count(item_state::done);
  };
  while (done() != 1) std::this_thread::sleep_for(1ms);
  const backup_report made = backup(dir / "state", dir / "copy", [&](const maintain_progress& now) {
    if (now.part != "files") return;  // of the snapshot, which is long taken
    go = true;
    while (rounds < 20) std::this_thread::sleep_for(1ms);
  });
  CHECK(rounds >= 20);
  go = true;
  over = true;
  running.join();
  CHECK(made.files == 1);
  CHECK(made.checkpoints == 0);
  CHECK(verify(dir / "copy").whole());
}

TEST_CASE("a backup is refused where its target exists, or the state is damaged, and leaves nothing behind") {
  const temp_dir dir;
  whole::make(dir / "state");
  fs::create_directory(dir / "there");
  CHECK_THROWS_WITH(backup(dir / "state", dir / "there"), Contains("exists already"));
  CHECK_THROWS_WITH(backup(dir / "nothing", dir / "copy"), Contains("there is no state"));
  for (const auto& one : fs::directory_iterator(dir / "state" / "blobs")) fs::resize_file(one.path(), 4096);
  CHECK_THROWS_WITH(backup(dir / "state", dir / "copy"), Contains("no backup was made"));
  CHECK_FALSE(fs::exists(dir / "copy"));
  CHECK(std::distance(fs::directory_iterator(dir.path()), {}) == 2);
}

TEST_CASE("the tool compacts and backs up") {
  const temp_dir dir;
  whole::make(dir / "state");
  const said compacted = run_tool({"compact", dir / "state"});
  CHECK(compacted.code == 0);
  CHECK_THAT(compacted.out, Contains("KiB"));
  const said copied = run_tool({"backup", dir / "state", dir / "copy"});
  CHECK(copied.code == 0);
  CHECK_THAT(copied.out, Contains("48 items copied and verified, with 2 files and 2 checkpoints"));
  CHECK(run_tool({"verify", dir / "copy"}).code == 0);
  CHECK(run_tool({"backup", dir / "state", dir / "copy"}).code == 1);
}
