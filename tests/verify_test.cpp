// pawl::verify: each thing that can be wrong is found and told with what it concerns; what is derived is repaired.
#include <pawl/inspect.hpp>
#include <pawl/maintain.hpp>

#include "lmdb/catalogue.hpp"
#include "lmdb/members.hpp"
#include "lmdb/tables.hpp"
#include "lmdb/transaction.hpp"
#include "record/key.hpp"
#include "record/row.hpp"

#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/run_tool.hpp"
#include "support/temp_dir.hpp"
#include "support/whole_state.hpp"

#include <fstream>

namespace fs = std::filesystem;
using namespace pawl;
using namespace pawl::test;
using Catch::Contains;

namespace {

using core::item_address;

constexpr core::workflow_id whole_id = 1;

struct whole_state {
  temp_dir dir;
  fs::path state = dir / "state";
  whole_state() {
    static const temp_dir made_in;
    static const fs::path made = [] {
      whole::make(made_in / "made");
      return made_in / "made";
    }();
    fs::copy(made, state, fs::copy_options::recursive);
  }

  // Changes what lies in LMDB, past everything.
  void change(const std::function<void(core::write_transaction&)>& how,
              core::access_mode mode = core::access_mode::write) const {
    core::environment env(state, mode, core::default_map_size(), core::owner_lock::take(state));
    core::write_transaction txn(env);
    env.set_identity(core::read_identity(txn));
    how(txn);
    txn.commit("commit");
  }
  // The address of the item with this number.
  [[nodiscard]] item_address address_of(core::transaction& txn, int number) const {
    core::lmdb_key name;
    core::make_index_key(txn.env().salt(), whole_id, typed(number), name);
    core::item_id id = 0;
    std::memcpy(&id, core::ids_of_index_entry(name.bytes(), *txn.get(txn.env().in().index, name.bytes())).data(), sizeof id);
    return core::address_of(whole_id, id);
  }
  static std::string typed(int number) {
    std::string key;
    core::key_writer(key).number(false, static_cast<std::uint64_t>(number));
    return key;
  }
  // The name of the file that the item's `read` left.
  [[nodiscard]] fs::path file_of(core::write_transaction& txn, item_address address) const {
    core::row row;
    core::read_row(*txn.get(txn.env().in().items, core::item_key(address)), address, core::row_part::whole, row);
    return state / "blobs" / (std::to_string(row.values.front().epoch) + "-" + std::to_string(row.values.front().file_number));
  }
};

void flip(const fs::path& path, std::size_t at) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekg(static_cast<std::streamoff>(at));
  const int byte = file.get();
  file.seekp(static_cast<std::streamoff>(at));
  file.put(static_cast<char>(byte ^ 4));
}

std::string text_of(const verify_report& found) {
  std::string text;
  for (const verify_finding& one : found.findings)
    text += one.part + " | " + one.workflow + " | " + one.key + " | " + one.step + " | " + one.sentence + "\n";
  return text;
}

// The one finding of this part.
verify_finding only(const verify_report& found, const std::string& part) {
  INFO(text_of(found));
  const auto at = std::find_if(found.findings.begin(), found.findings.end(), [&](const auto& one) { return one.part == part; });
  REQUIRE(at != found.findings.end());
  CHECK(!at->advice.empty());
  return *at;
}

void must_be_repaired(const fs::path& state) {
  whole::calls wanted;
  const verify_report made = verify(state, {.repair = true});
  INFO(text_of(made));
  CHECK(made.repaired);
  CHECK(made.whole());
  CHECK(verify(state).whole());
  whole::calls seen;
  std::ostringstream log;
  const report done = whole::finish(state, seen, log);
  CHECK(done.done + done.failed + done.skipped == whole::items);
  CHECK(seen.all().count("write 0") == 0);
  CHECK(seen.all().count("write 45") == 1);
  CHECK(verify(state).whole());
}

}  // namespace

TEST_CASE("a whole state has nothing wrong, as it was left by a kill and when it is finished") {
  const whole_state here;
  const verify_report found = verify(here.state);
  INFO(text_of(found));
  CHECK(found.whole());
  CHECK(found.items == whole::items);
  CHECK(found.journaled > 0);
  CHECK(found.files == 2);
  CHECK(found.table_entries == 7);
  whole::calls seen;
  std::ostringstream log;
  static_cast<void>(whole::finish(here.state, seen, log));
  CHECK(verify(here.state).whole());
  CHECK_FALSE(verify(here.state, {.repair = true}).repaired);  // there is nothing to repair
}

TEST_CASE("what follows from the items is found wrong, and made anew") {
  const whole_state here;
  SECTION("a key that is not in the index") {
    here.change([&](auto& txn) {
      core::lmdb_key name;
      core::make_index_key(txn.env().salt(), whole_id, here.typed(8), name);
      REQUIRE(txn.erase(txn.env().in().index, name.bytes()));
    });
    const verify_finding one = only(verify(here.state), "index");
    CHECK(one.derived);
    CHECK(one.key == "8");
    CHECK(one.workflow == "whole");
    CHECK_THAT(one.sentence, Contains("not found by its key"));
  }
  SECTION("a key in the index that leads nowhere") {
    here.change([&](auto& txn) {
      core::lmdb_key name;
      core::make_index_key(txn.env().salt(), whole_id, here.typed(1000), name);
      std::vector<std::byte> entry;
      const core::item_id id = 500;
      core::make_index_entry(name.bytes(), std::as_bytes(std::span{&id, 1}), entry);
      txn.put(txn.env().in().index, name.bytes(), entry);
    });
    CHECK_THAT(only(verify(here.state), "index").sentence, Contains("'1000'") && Contains("500"));
  }
  SECTION("a counter") {
    here.change([&](auto& txn) {
      auto counters = *core::read_counters(txn, whole_id);
      ++counters.by_state[2];
      counters.by_state[3] = 0;
      core::write_counters(txn, whole_id, counters);
    });
    CHECK(verify(here.state).found == 2);
    CHECK_THAT(only(verify(here.state), "counters").sentence, Contains("counter"));
  }
  SECTION("a counter that cannot be read") {
    here.change([&](auto& txn) {
      const auto key = std::as_bytes(std::span{"c\0\1", 3});
      txn.put(txn.env().in().meta, key, std::as_bytes(std::span{"garbage", 7}));
    });
    CHECK(only(verify(here.state), "records").derived);
  }
  SECTION("how many have completed which step") {
    here.change([&](auto& txn) { core::write_histogram(txn, whole_id, 0, std::array<std::uint64_t, 3>{1, 2, 3}); });
    CHECK_THAT(only(verify(here.state), "counters").sentence, Contains("which step"));
  }
  SECTION("a failed item that is not listed, and one that is and should not be") {
    here.change([&](auto& txn) {
      REQUIRE(txn.erase(txn.env().in().states, core::state_key(item_state::failed, here.address_of(txn, 3))));
      txn.put(txn.env().in().states, core::state_key(item_state::failed, here.address_of(txn, 8)), {});
    });
    CHECK(verify(here.state).found == 2);
    CHECK_THAT(only(verify(here.state), "lists").sentence, Contains("'3'") && Contains("not listed"));
  }
  SECTION("the name of a file") {
    here.change([&](auto& txn) {
      const std::string name = here.file_of(txn, here.address_of(txn, 5)).filename().string();
      const auto dash = name.find('-');
      REQUIRE(txn.erase(txn.env().in().files, core::file_key(std::stoull(name.substr(0, dash)), std::stoull(name.substr(dash + 1)))));
    });
    CHECK(only(verify(here.state), "files").key == "5");
  }
  SECTION("the counter of a table") {
    here.change([&](auto& txn) {
      auto tables = core::read_table_records(txn);
      tables[0].entries = 99;
      core::write_table_record(txn, tables[0]);
    });
    CHECK_THAT(only(verify(here.state), "counters").sentence, Contains("'totals'") && Contains("99"));
  }
  SECTION("claims of a process that does not share the state, and of an item that is not there") {
    here.change(
        [&](auto& txn) {
          core::write_member(txn, {7, 1, 1});
          core::write_claim(txn, here.address_of(txn, 8), 77);
          core::write_claim(txn, core::address_of(whole_id, 5000), 7);
          core::write_claim(txn, here.address_of(txn, 9), 7);  // nothing is wrong with this one
        },
        core::access_mode::share);
    CHECK(verify(here.state).found == 2);
    CHECK_THAT(only(verify(here.state), "claims").sentence, Contains("'8'") && Contains("does not share"));
  }
  must_be_repaired(here.state);
}

TEST_CASE("of what is wrong also that which is not told is repaired, or forbids it") {
  const whole_state here;
  here.change([&](auto& txn) {
    for (const int number : {8, 9, 10}) {
      core::lmdb_key name;
      core::make_index_key(txn.env().salt(), whole_id, here.typed(number), name);
      REQUIRE(txn.erase(txn.env().in().index, name.bytes()));
    }
  });
  const verify_report made = verify(here.state, {.repair = true, .findings_max = 1});
  CHECK(made.repaired);
  CHECK(made.whole());
  CHECK(verify(here.state).whole());
}

TEST_CASE("damage that costs data is told with the item and the step that it concerns, and is not repaired") {
  const whole_state here;
  verify_finding one;
  SECTION("a row") {
    here.change([&](auto& txn) {
      const auto key = core::item_key(here.address_of(txn, 8));
      const auto row = *txn.get(txn.env().in().items, key);
      std::vector<std::byte> bytes(row.begin(), row.end());
      bytes[20] ^= std::byte{1};
      txn.put(txn.env().in().items, key, bytes);
    });
    one = only(verify(here.state), "items");
    CHECK(one.key == "8");
    CHECK_THAT(one.sentence, Contains("'8'") && Contains("checksum"));
    CHECK_FALSE(verify(here.state, {.repair = true}).repaired);
  }
  SECTION("a piece of a value") {
    here.change([&](auto& txn) { REQUIRE(txn.erase(txn.env().in().chunks, core::chunk_key(here.address_of(txn, 7), 1, 1))); });
    one = only(verify(here.state), "values");
    CHECK(one.key == "7");
    CHECK(one.step == "read");
  }
  SECTION("a piece of no value") {
    here.change([&](auto& txn) {
      txn.put(txn.env().in().chunks, core::chunk_key(here.address_of(txn, 7), 1, 200), std::as_bytes(std::span{"abc", 3}));
    });
    one = only(verify(here.state), "values");
    CHECK(one.key == "7");
  }
  SECTION("a file") {
    fs::path file;
    here.change([&](auto& txn) { file = here.file_of(txn, here.address_of(txn, 5)); });
    flip(file, 12'345);
    one = only(verify(here.state), "values");
    CHECK(one.key == "5");
    CHECK(one.step == "read");
    CHECK_THAT(one.sentence, Contains("checksum"));
  }
  SECTION("a file that is gone") {
    fs::path file;
    here.change([&](auto& txn) { file = here.file_of(txn, here.address_of(txn, 5)); });
    fs::remove(file);
    one = only(verify(here.state), "values");
    CHECK_THAT(one.sentence, Contains("is gone"));
  }
  SECTION("an entry of a table") {
    here.change([&](auto& txn) {
      const std::string key = std::string("\0\0", 2) + here.typed(3);
      const auto name = std::as_bytes(std::span{key});
      const auto entry = *txn.get(txn.env().in().tables, name);
      std::vector<std::byte> bytes(entry.begin(), entry.end());
      bytes.back() ^= std::byte{1};
      txn.put(txn.env().in().tables, name, bytes);
    });
    one = only(verify(here.state), "tables");
    CHECK_THAT(one.sentence, Contains("'totals'"));
  }
  SECTION("the description of a type") {
    here.change([&](auto& txn) {
      std::vector<std::byte> key;
      txn.each_record(std::as_bytes(std::span{"s", 1}), [&](auto name, auto) { key.assign(name.begin(), name.end()); });
      REQUIRE(txn.erase(txn.env().in().meta, key));
    });
    one = only(verify(here.state), "records");
  }
  SECTION("a frame of the journal") {
    flip(here.state / "journal" / "1", 4096 + 70);
    bool found = false;  // in the first frames, which are applied; the last ones are not
    for (std::size_t at = 4096; !found && at < 100 * 4096; at += 64) {
      flip(here.state / "journal" / "1", at + 80);
      found = !verify(here.state).whole();
    }
    one = only(verify(here.state), "journal");
  }
  SECTION("a checkpoint of a loop, the later one") {
    std::uint64_t latest = 0;
    fs::path which;
    for (const auto& file : fs::directory_iterator(here.state / "slots")) {
      std::ifstream in(file.path(), std::ios::binary);
      in.seekg(88);
      std::uint64_t round = 0;
      in.read(reinterpret_cast<char*>(&round), sizeof round);
      if (round > whole::killed_at_round) continue;  // of a loop that has ended
      if (round > latest) which = file.path();
      latest = std::max(latest, round);
    }
    flip(which, 4096 + 10);
    one = only(verify(here.state), "loops");
    CHECK(one.key == "45");
    CHECK(one.step == "spin");
  }
  CHECK_FALSE(one.derived);
  CHECK_FALSE(one.sentence.empty());
}

TEST_CASE("damaged pages are told, and nothing is repaired") {
  const whole_state here;
  flip(here.state / "data.mdb", 2 * 4096 + 11);
  for (std::size_t page = 3; page < 30; ++page) flip(here.state / "data.mdb", page * 4096 + 11);
  const verify_report found = verify(here.state, {.repair = true});
  CHECK_FALSE(found.repaired);
  CHECK(only(found, "pages").sentence.starts_with("page "));
}

TEST_CASE("verify looks beside an engine; repair is refused there") {
  const whole_state here;
  child_process engine([&](int pipe) {
    whole::calls seen;
    pawl::engine open(here.state, quiet());
    say(pipe, "open");
    std::vector<int> more;
    for (int n = 1000; n < 200'000; ++n) more.push_back(n);
    static_cast<void>(open.run(whole::workflow(seen, [](const whole::spin&) {}), more));
    return 0;
  });
  REQUIRE(engine.line() == "open");
  for (int looks = 0; looks < 10; ++looks) {
    const verify_report found = verify(here.state);
    INFO(text_of(found));
    CHECK(found.whole());
  }
  // What cannot be repaired is not tried, for something derived must be wrong; compaction takes the same way.
  CHECK_THROWS_WITH(compact(here.state), Contains(std::to_string(engine.pid())));
}

TEST_CASE("the tool's exit code says whether something is wrong, or it could not look") {
  const whole_state here;
  CHECK(run_tool({"verify", here.state}).code == 0);
  CHECK(run_tool({"verify", here.dir / "nothing"}).code == 2);
  here.change([&](auto& txn) { REQUIRE(txn.erase(txn.env().in().states, core::state_key(item_state::failed, here.address_of(txn, 3)))); });
  const said text = run_tool({"verify", here.state});
  CHECK(text.code == 1);
  CHECK_THAT(text.out, Contains("not listed") && Contains("pawl verify --repair"));
  CHECK_THAT(run_tool({"verify", here.state, "--json"}).out, Contains("\"whole\":false") && Contains("\"part\":\"lists\""));
  CHECK(run_tool({"verify", here.state, "--repair"}).code == 0);
  CHECK(run_tool({"verify", here.state}).code == 0);
}
