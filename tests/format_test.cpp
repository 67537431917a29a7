// States that earlier releases left: opened, verified, and finished, with nothing done twice.
#include <pawl/inspect.hpp>
#include <pawl/maintain.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "support/whole_state.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>

namespace fs = std::filesystem;
using namespace pawl;
using namespace pawl::test;

namespace {

std::vector<fs::path> archives() {
  std::vector<fs::path> all;
  for (const auto& one : fs::directory_iterator(PAWL_TEST_SOURCE_DIR "/tests/formats"))
    if (one.path().extension() == ".gz") all.push_back(one.path());
  std::sort(all.begin(), all.end());
  return all;
}

fs::path unpacked(const fs::path& archive, const fs::path& into) {
  const std::string command = "tar -C '" + into.string() + "' -xzf '" + archive.string() + "'";
  REQUIRE(std::system(command.c_str()) == 0);
  return into / "state";
}

std::size_t place_of(const std::string& step) {
  constexpr const char* steps[] = {"read", "book", "spin", "write"};
  return static_cast<std::size_t>(std::find(std::begin(steps), std::end(steps), step) - std::begin(steps));
}

}  // namespace

TEST_CASE("a state of every format that there has been is verified, finished, and nothing in it is done twice") {
  REQUIRE_FALSE(archives().empty());
  for (const fs::path& archive : archives()) {
    CAPTURE(archive);
    CHECK(fs::file_size(archive) < 100'000);
    const temp_dir dir;
    const fs::path state = unpacked(archive, dir.path());
    const verify_report found = verify(state);
    INFO((found.whole() ? "" : found.findings.front().sentence));
    CHECK(found.whole());
    CHECK(found.items == whole::items);
    CHECK(found.journaled > 0);
    CHECK(found.files == 2);
    CHECK(found.table_entries == 7);
    CHECK(found.checkpoints >= 2);
    std::map<std::string, std::size_t> completed;  // steps, by key
    {
      const state_view view(state);
      for (const item_view& item : view.items({.limit = 1000}).items)
        completed[item.key.to_string()] = item.state == item_state::skipped ? item.steps.size() : item.steps_completed;
      CHECK(completed.size() == whole::items);
      CHECK(view.item("whole", 0)->state == item_state::done);
      CHECK(view.item("whole", 0)->result->json == "\"0 after 1: 18.931857\"");
      CHECK(view.item("whole", 3)->error == "broken 3");
      CHECK(view.item("whole", 4)->state == item_state::skipped);
      CHECK(view.item("whole", 45)->state == item_state::in_progress);
    }
    whole::calls seen;
    std::ostringstream log;
    const report done = whole::finish(state, seen, log);
    CHECK(log.str().find("started_over") == std::string::npos);
    CHECK(done.failed == 4);
    CHECK(done.skipped == 4);
    CHECK(done.done == whole::items - 8);
    for (const std::string& call : seen.all()) {
      INFO(call);
      const std::size_t space = call.find(' ');
      const std::string step = call.substr(0, space);
      const auto before = completed.find(call.substr(space + 1));
      CHECK((before == completed.end() || place_of(step) >= before->second));
    }
    CHECK(seen.all().count("write 45") == 1);
    CHECK(verify(state).whole());
    CHECK(state_view(state).item("whole", 45)->result->json.find("45 after 40") != std::string::npos);
  }
}
