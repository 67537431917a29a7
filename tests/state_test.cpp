// A state as a whole: what is in the journal and not in LMDB yet is seen, kept, and counted.
#include <pawl/inspect.hpp>
#include <pawl/pawl.hpp>

#include "lmdb/backend.hpp"
#include "lmdb/catalogue.hpp"
#include "state/open.hpp"
#include "support/catch.hpp"
#include "support/checkpoints.hpp"
#include "support/quiet.hpp"
#include "support/temp_dir.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <map>

using namespace pawl::core;
using namespace pawl::test;
using pawl::durability;
using pawl::errc;
using pawl::item_state;

namespace {

chain_revision two_steps() {
  chain_revision chain;
  chain.input_is_key = true;
  chain.steps = {{"read", pawl::step_kind::effect, 0, 11, false}, {"write", pawl::step_kind::effect, 0, 12, false}};
  return chain;
}

// Never folds by itself: what is committed stays in the journal until somebody waits for it.
state_options lazy(durability mode = durability::power) {
  state_options options;
  options.durability = mode;
  options.applying.idle = std::chrono::hours(1);
  return options;
}

void commit(backend& store, const checkpoint_group& group) {
  const auto bytes = group.bytes();
  store.commit({&bytes, 1});
}

checkpoint_group story_of_three() {
  checkpoint_group group;
  const auto input_is_key = checkpoint_flag::input_is_key;
  group.admitted({.item = 0, .sequence = 1, .text = text_key("one"), .flags = input_is_key});
  group.admitted({.item = 1, .sequence = 1, .text = text_key("two"), .flags = input_is_key});
  group.completed({.item = 0, .sequence = 2, .step = 0, .payload = payload_of(11, "first")});
  group.completed({.item = 0, .sequence = 3, .step = 1, .payload = payload_of(12, "last"), .flags = checkpoint_flag::last});
  group.failed({.item = 1, .sequence = 2, .step = 0, .text = "down"});
  group.admitted({.item = 2, .sequence = 1, .text = text_key("three"), .flags = input_is_key});
  return group;
}

std::map<std::filesystem::path, std::string> bytes_below(const std::filesystem::path& directory) {
  std::map<std::filesystem::path, std::string> all;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file() || entry.path().filename() == "lock.mdb") continue;
    std::ifstream in(entry.path(), std::ios::binary);
    all[entry.path()] = std::string(std::istreambuf_iterator<char>(in), {});
  }
  return all;
}

// Commits the story in a process of its own and kills it: nothing is folded in.
void leave_unapplied(const std::filesystem::path& state, durability mode, int repeats = 1) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto store = open_state(state, lazy(mode));
    store->open_workflow("w", two_steps(), {});
    for (int i = 0; i < repeats; ++i) commit(*store, story_of_three());
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
}

void check_story(backend& store) {
  const auto view = store.read();
  const workflow_counts counts = view->count(1);
  CHECK(counts.by_state == std::array<std::uint64_t, 5>{1, 0, 1, 1, 0});
  CHECK(counts.completed == std::vector<std::uint64_t>{1, 1});
  CHECK(view->workflows()[0].next_item == 3);
  stored_item item;
  REQUIRE(view->find(1, text_key("one"), item, true));
  CHECK(item.state == item_state::done);
  std::vector<std::byte> value;
  view->fetch(1, item, item.result, value);
  CHECK(text_of(value) == "last");
  REQUIRE(view->load(1, 1, item));
  CHECK(item.error == "down");
  std::vector<std::uint64_t> seen;
  view->scan(1, 0, nullptr, [&](const stored_item& one) {
    seen.push_back(one.id);
    return true;
  });
  CHECK(seen == std::vector<std::uint64_t>{0, 1, 2});
  seen.clear();
  const item_state failed = item_state::failed;
  view->scan(1, 0, &failed, [&](const stored_item& one) {
    seen.push_back(one.id);
    return true;
  });
  CHECK(seen == std::vector<std::uint64_t>{1});
  CHECK_FALSE(view->find(1, text_key("four"), item, true));
}

}  // namespace

TEST_CASE("what a killed process left in its journal is seen from outside, and looking changes nothing") {
  for (const durability mode : {durability::power, durability::process}) {
    const temp_dir dir;
    leave_unapplied(dir / "s", mode);
    const auto before = bytes_below(dir / "s");
    {
      const auto reader = open_state_reader(dir / "s");
      check_story(*reader);
      CHECK(durability_of(*reader) == mode);
    }
    CHECK(bytes_below(dir / "s") == before);
  }
}

TEST_CASE("the next opening folds in what the journal holds, and a clean close leaves nothing in it") {
  for (const durability mode : {durability::power, durability::process}) {
    const temp_dir dir;
    leave_unapplied(dir / "s", mode);
    {
      const auto store = open_state(dir / "s");
      store->settle();
      check_story(*store);
    }
    const auto reader = open_state_reader(dir / "s");
    check_story(*reader);
  }
}

TEST_CASE("a row of LMDB that the journal knows better is shown as the journal has it") {
  const temp_dir dir;
  const auto store = open_state(dir / "s", lazy());
  store->open_workflow("w", two_steps(), {});
  commit(*store, story_of_three());
  store->settle();
  checkpoint_group more;
  more.completed({.item = 2, .sequence = 2, .step = 0, .payload = payload_of(11, std::string(5000, 'x'))});
  more.skipped({.item = 1, .sequence = 3, .step = 0, .text = "enough"});
  commit(*store, more);
  CHECK(store->read()->seen() < store->recorded());

  const auto reader = open_state_reader(dir / "s");
  const auto view = reader->read();
  const workflow_counts counts = view->count(1);
  CHECK(counts.by_state == std::array<std::uint64_t, 5>{0, 1, 1, 0, 1});
  CHECK(counts.completed == std::vector<std::uint64_t>{2, 1});
  stored_item item;
  REQUIRE(view->find(1, text_key("three"), item, true));
  std::vector<std::byte> value;
  view->fetch(1, item, item.result, value);
  CHECK(text_of(value) == std::string(5000, 'x'));
  const item_state failed = item_state::failed;
  int failures = 0;
  view->scan(1, 0, &failed, [&](const stored_item&) { return ++failures, true; });
  CHECK(failures == 0);
  store->settle();
  const auto folded = store->read();
  CHECK(folded->seen() == store->recorded());
  CHECK(folded->count(1) == counts);
}

TEST_CASE("values of every size come through the journal: in the row, in chunks, in files") {
  const temp_dir dir;
  const std::size_t sizes[] = {0, 100, 3000, 200'000, 300'000, 1'500'000};
  const auto value_of = [](std::size_t size) { return std::string(size, static_cast<char>('a' + size % 26)); };
  {
    const auto store = open_state(dir / "s", lazy());
    store->open_workflow("w", two_steps(), {});
    checkpoint_group group;
    std::uint64_t item = 0;
    for (const std::size_t size : sizes) {
      group.admitted({.item = item, .sequence = 1, .text = text_key(std::to_string(size)), .flags = checkpoint_flag::input_is_key});
      group.completed({.item = item++, .sequence = 2, .step = 0, .payload = payload_of(11, value_of(size))});
    }
    commit(*store, group);
    const auto large = value_of(3'000'000);
    const large_object named = store->store_large(11, std::as_bytes(std::span(large)));
    checkpoint_group last;
    last.admitted({.item = item, .sequence = 1, .text = text_key("large"), .flags = checkpoint_flag::input_is_key});
    last.completed({.item = item, .sequence = 2, .step = 0, .payload = payload_of(named), .flags = checkpoint_flag::large});
    commit(*store, last);
  }
  const auto store = open_state(dir / "s");
  const auto view = store->read();
  stored_item item;
  std::vector<std::byte> value;
  for (const std::size_t size : sizes) {
    CAPTURE(size);
    REQUIRE(view->find(1, text_key(std::to_string(size)), item, true));
    view->fetch(1, item, item.result, value);
    REQUIRE(text_of(value) == value_of(size));
  }
  REQUIRE(view->find(1, text_key("large"), item, true));
  view->fetch(1, item, item.result, value);
  CHECK(text_of(value) == value_of(3'000'000));
}

namespace {

// Folds in one group after the other, so that some items are always held back for the next batch.
state_options eager(durability mode) {
  state_options options = lazy(mode);
  options.applying.batch_bytes = 150;
  options.applying.backlog_bytes = 4096;
  return options;
}

constexpr item_id items_of_the_stream = 400;
constexpr item_id item_in_flight = 7;  // so many have begun and not ended

// Each commit admits an item, takes another one through its first step, and a third one through its last.
checkpoint_group part_of_stream(item_id now) {
  checkpoint_group group;
  group.admitted({.item = now, .sequence = 1, .text = text_key(std::to_string(now)), .flags = checkpoint_flag::input_is_key});
  if (now >= 3) group.completed({.item = now - 3, .sequence = 2, .step = 0, .payload = payload_of(11, std::string(40, 'a'))});
  if (now >= item_in_flight)
    group.completed({.item = now - item_in_flight,
                     .sequence = 3,
                     .step = 1,
                     .payload = payload_of(12, std::to_string(now)),
                     .flags = checkpoint_flag::last});
  return group;
}

void check_stream(backend& store) {
  const auto view = store.read();
  const workflow_counts counts = view->count(1);
  const std::uint64_t done = items_of_the_stream - item_in_flight;
  CHECK(counts.by_state == std::array<std::uint64_t, 5>{3, item_in_flight - 3, done, 0, 0});
  stored_item item;
  std::vector<std::byte> value;
  for (item_id id = 0; id < items_of_the_stream; ++id) {
    REQUIRE(view->find(1, text_key(std::to_string(id)), item, true));
    REQUIRE(item.id == id);
    REQUIRE(item.sequence == (id < done ? 3u : id < items_of_the_stream - 3 ? 2u : 1u));
    if (id >= done) continue;
    view->fetch(1, item, item.result, value);
    REQUIRE(text_of(value) == std::to_string(id + item_in_flight));
  }
}

journal_mark mark_of(const std::filesystem::path& state) {
  const auto reader = open_lmdb_to_read(state, nullptr);
  return read_mark(read_transaction(*reader->env()));
}

// The mark that a killed process leaves, which had folded in a part and held back some items.
journal_mark leave_held_back(const std::filesystem::path& state, durability mode) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto store = open_state(state, eager(mode));
    store->open_workflow("w", two_steps(), {});
    for (item_id now = 0; now < items_of_the_stream; ++now) commit(*store, part_of_stream(now));
    for (int i = 0; i < 2000 && mark_of(state).durable <= mark_of(state).applied; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  return mark_of(state);
}

}  // namespace

TEST_CASE("items that are held back for the next batch are in the journal as long as they are not in LMDB") {
  for (const durability mode : {durability::power, durability::process}) {
    const temp_dir dir;
    const journal_mark mark = leave_held_back(dir / "s", mode);
    REQUIRE(mark.durable > mark.applied);
    check_stream(*open_state_reader(dir / "s"));
    {
      const auto store = open_state(dir / "s", eager(mode));
      store->settle();
      check_stream(*store);
    }
    check_stream(*open_state_reader(dir / "s"));
  }
}

TEST_CASE("what LMDB knows to have been in the journal must be there, also behind what is applied") {
  const temp_dir dir;
  const journal_mark mark = leave_held_back(dir / "s", durability::power);
  REQUIRE(mark.durable > mark.applied);
  // All that the journal itself knows of its end is gone, and with it the frames behind what is applied.
  std::filesystem::remove(dir / "s" / "journal" / "control");
  { journal::complete(machine_files(), dir / "s" / "journal", open_state_reader(dir / "s")->uuid()); }
  for (const auto& entry : std::filesystem::directory_iterator(dir / "s" / "journal")) {
    if (entry.path().filename() == "control") continue;
    const auto size = std::filesystem::file_size(entry.path());
    std::filesystem::resize_file(entry.path(), journal_block_size);
    std::filesystem::resize_file(entry.path(), size);
  }
  CHECK_THROWS_WITH(open_state(dir / "s", eager(durability::power)), Catch::Contains("is damaged") && Catch::Contains("journal"));
}

TEST_CASE("a key that comes again while its item is only in the journal is a duplicate, not a second item") {
  for (const bool ascending : {true, false}) {
    const temp_dir dir;
    pawl::engine_options options = quiet();
    options.window_items = 2;
    pawl::engine engine(dir / "s", options);
    const auto w = pawl::workflow<"w">(pawl::step<"same">([](int n) { return n; }));
    std::vector<int> keys;
    for (int i = 0; i < 300; ++i) {
      keys.push_back(ascending ? i : 299 - i);
      if (i % 7 == 0) keys.push_back(ascending ? i / 2 : 299 - i / 2);
    }
    const pawl::report report = engine.run(w, keys);
    CHECK(report.items == 300);
    CHECK(report.done == 300);
    CHECK(report.steps == 300);
    CHECK(report.duplicates == keys.size() - 300);
  }
}

TEST_CASE("a state whose journal is removed is told apart from one that never had any") {
  const temp_dir dir;
  leave_unapplied(dir / "s", durability::power);
  std::filesystem::rename(dir / "s" / "journal", dir / "elsewhere");
  try {
    static_cast<void>(open_state(dir / "s"));
    FAIL("it opened");
  } catch (const pawl::error& failure) {
    CHECK(failure.code() == errc::damaged);
    CHECK_THAT(failure.what(), Catch::Contains("is gone"));
  }
  std::filesystem::rename(dir / "elsewhere", dir / "s" / "journal");
  { check_story(*[&] { auto store = open_state(dir / "s"); store->settle(); return store; }()); }
  // Closed cleanly it may be missing: nothing was in it.
  std::filesystem::remove_all(dir / "s" / "journal");
  check_story(*open_state(dir / "s"));
}

TEST_CASE("many small commits go round in a small journal") {
  const temp_dir dir;
  state_options options;
  options.journal_bytes = 16 << 20;
  options.applying.long_record = GENERATE(std::size_t{64} << 10, std::size_t{1});  // short records, long ones
  const auto store = open_state(dir / "s", options);
  store->open_workflow("w", two_steps(), {});
  const std::string value(60'000, 'v');
  for (std::uint64_t item = 0; item < 900; ++item) {  // 54 MB through 16 MiB
    checkpoint_group group;
    group.admitted({.item = item, .sequence = 1, .text = text_key(std::to_string(item)), .flags = checkpoint_flag::input_is_key});
    group.completed({.item = item, .sequence = 2, .step = 0, .payload = payload_of(11, value)});
    group.completed({.item = item, .sequence = 3, .step = 1, .payload = payload_of(12, "v"), .flags = checkpoint_flag::last});
    commit(*store, group);
  }
  store->settle();
  CHECK(store->read()->count(1).by_state[static_cast<std::size_t>(item_state::done)] == 900);
  std::uintmax_t size = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir / "s" / "journal")) size += entry.file_size();
  CHECK(size <= (16 << 20) + 4096);
}
