// Kills, full disks, large batches and files: what is acknowledged stays.
#include "lmdb/open.hpp"

#include "support/asked.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/small_states.hpp"
#include "support/temp_dir.hpp"

#include <sys/mount.h>
#include <sys/resource.h>

#include <atomic>
#include <fstream>
#include <random>
#include <thread>

using namespace pawl;
using namespace pawl::core;
using namespace pawl::test;
using Catch::Matchers::Contains;

namespace {

// Commits items until it is killed, saying each number once the commit has returned.
int commit_until_killed(const std::filesystem::path& state, int pipe) {
  const auto store = open_lmdb(state);
  open_small(*store);
  std::uint64_t item = count_items(*store);
  for (;; ++item) {
    take_item(*store, item);
    say(pipe, std::to_string(item));
  }
}

std::size_t files_in(const std::filesystem::path& directory) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory), {}));
}

checkpoint_group items_with(std::uint64_t from, std::uint64_t to, const std::string& result) {
  checkpoint_group group;
  for (std::uint64_t item = from; item < to; ++item)
    group.admitted({.item = item, .text = small_key(item)})
        .completed({.item = item, .sequence = 2, .payload = payload_of(1, result)});
  return group;
}

}  // namespace

TEST_CASE("nothing acknowledged is lost by kill -9 at random moments") {
  const auto seed = asked_seed();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  temp_dir where;
  const auto state = where.path() / "x.pawl";
  std::uint64_t acknowledged = 0;
  for (int round = 0; round < 12; ++round) {
    child_process engine([&](int pipe) { return commit_until_killed(state, pipe); });
    for (auto left = 1 + random() % 20; left > 0; --left) acknowledged = std::stoull(engine.line()) + 1;
    ::usleep(static_cast<useconds_t>(random() % 3000));
    engine.kill();
    CHECK(engine.wait() == -SIGKILL);
    for (std::string line = engine.line(); !line.empty(); line = engine.line()) acknowledged = std::stoull(line) + 1;
    const std::uint64_t stored = count_items(*open_lmdb(state));
    REQUIRE(stored >= acknowledged);
    REQUIRE(stored <= acknowledged + 1);
  }
}

TEST_CASE("a batch that dirties too many pages is taken in several commits, each item whole") {
  temp_dir where;
  const auto store = open_lmdb(where.path() / "x.pawl", {.dirty_pages_max = 40});
  open_small(*store);
  const std::uint64_t before = store->totals().commits;
  const std::string result(1500, 'r');
  commit(*store, items_with(0, 500, result));
  CHECK(store->totals().commits - before > 3);
  CHECK(count_items(*store, result) == 500);
}

TEST_CASE("a full disk is named, loses nothing, and takes the same batch when there is room") {
  temp_dir where;
  if (::mount("pawl-test", where.path().c_str(), "tmpfs", 0, "size=6m,mode=0700") != 0) return;  // needs root
  struct unmounted {
    const std::filesystem::path& path;
    ~unmounted() { ::umount2(path.c_str(), MNT_DETACH); }
  } const at_end{where.path()};
  {
    std::vector<std::string> warnings;
    const auto store = open_lmdb(where.path() / "x.pawl", {.warnings = &warnings});
    REQUIRE(warnings.size() == 1);
    CHECK_THAT(warnings[0], Contains("tmpfs"));
    open_small(*store);
    const std::string result(1500, 'r');
    commit(*store, items_with(0, 100, result));
    {
      std::ofstream filler(where.path() / "filler", std::ios::binary);
      const std::string block(64 * 1024, 'f');
      while (filler.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
      }
    }
    const checkpoint_group batch = items_with(100, 700, result);
    std::string sentence;
    for (int round = 0; round < 3; ++round) {
      CHECK(code_of([&] { commit(*store, batch); }, &sentence) == errc::disk_full);
      CHECK_THAT(sentence, Contains("disk is full"));
      CHECK(count_items(*store, result) == 100);
    }
    const std::string value(1 << 20, 'v');
    CHECK(code_of([&] { static_cast<void>(store->store_large(1, std::as_bytes(std::span{value}))); }) ==
          errc::disk_full);
    CHECK(files_in(where.path() / "x.pawl" / "blobs") == 0);
    std::filesystem::remove(where.path() / "filler");
    commit(*store, batch);
    CHECK(count_items(*store, result) == 700);
  }
  CHECK(count_items(*open_lmdb(where.path() / "x.pawl"), std::string(1500, 'r')) == 700);
}

TEST_CASE("a file size limit is a full disk with its own advice") {
  temp_dir where;
  child_process engine([&](int) {
    const auto store = open_lmdb(where.path() / "x.pawl");
    open_small(*store);
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{2u << 20, RLIM_INFINITY};
    const std::string result(1500, 'r');
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    std::string sentence;
    if (code_of([&] { commit(*store, items_with(0, 2000, result)); }, &sentence) != errc::disk_full) return 2;
    if (sentence.find("ulimit -f") == std::string::npos) return 3;
    const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
    if (::setrlimit(RLIMIT_FSIZE, &none) != 0) return 4;
    commit(*store, items_with(0, 2000, result));
    return count_items(*store, result) == 2000 ? 0 : 5;
  });
  CHECK(engine.wait() == 0);
}

TEST_CASE("a large value's file lives as long as a row names it or a snapshot sees it") {
  temp_dir where;
  const auto state = where.path() / "x.pawl";
  const auto blobs = state / "blobs";
  const std::string value(300'000, 'v');
  {
    const auto store = open_lmdb(state);
    open_small(*store);
    const auto take_large = [&](std::uint64_t item) {
      const auto named = store->store_large(1, std::as_bytes(std::span{value}));
      commit(
          *store,
          checkpoint_group()
              .admitted({.item = item, .text = small_key(item)})
              .completed({.item = item, .sequence = 2, .payload = payload_of(named), .flags = checkpoint_flag::large}));
    };
    take_large(0);
    take_large(1);
    CHECK(files_in(blobs) == 2);
    const auto drop = [&](std::uint64_t item) {
      commit(*store, checkpoint_group().completed({.item = item,
                                                   .sequence = 3,
                                                   .step = 1,
                                                   .payload = payload_of(1, "small"),
                                                   .flags = checkpoint_flag::last}));
    };
    auto view = store->read();
    drop(0);
    CHECK(files_in(blobs) == 2);
    stored_item item;
    std::vector<std::byte> bytes;
    REQUIRE(view->load(1, 0, item));
    view->fetch(1, item, item.result, bytes);
    CHECK(text_of(bytes) == value);
    view->refresh();
    drop(1);
    view.reset();
    take_item(*store, 2);
    CHECK(files_in(blobs) == 0);
    take_large(3);
    static_cast<void>(store->store_large(1, std::as_bytes(std::span{value})));  // whose checkpoint never comes
    CHECK(files_in(blobs) == 2);
  }
  const auto store = open_lmdb(state);
  CHECK(files_in(blobs) == 1);
  stored_item item;
  std::vector<std::byte> bytes;
  const auto view = store->read();
  REQUIRE(view->load(1, 3, item));
  view->fetch(1, item, item.result, bytes);
  CHECK(text_of(bytes) == value);
  std::string sentence;
  const auto name = std::filesystem::directory_iterator(blobs)->path();
  SECTION("flipped") {
    std::fstream file(name, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(1000).put('x');
    file.close();
    CHECK(code_of([&] { view->fetch(1, item, item.result, bytes); }, &sentence) == errc::damaged);
    CHECK_THAT(sentence, Contains("checksum"));
  }
  SECTION("cut off") {
    std::filesystem::resize_file(name, 1000);
    CHECK(code_of([&] { view->fetch(1, item, item.result, bytes); }, &sentence) == errc::damaged);
  }
  SECTION("gone") {
    std::filesystem::remove(name);
    CHECK(code_of([&] { view->fetch(1, item, item.result, bytes); }, &sentence) == errc::damaged);
    CHECK_THAT(sentence, Contains("is gone"));
  }
}

TEST_CASE("a large value that is superseded in the batch that brings it leaves no file behind") {
  temp_dir where;
  const auto store = open_lmdb(where.path() / "x.pawl");
  open_small(*store);
  const std::string value(300'000, 'v');
  const std::size_t descriptors = files_in("/proc/self/fd");
  for (std::uint64_t item = 0; item < 10; ++item) {
    const auto named = store->store_large(1, std::as_bytes(std::span{value}));
    commit(*store,
           checkpoint_group()
               .admitted({.item = item, .text = small_key(item)})
               .completed({.item = item, .sequence = 2, .payload = payload_of(named), .flags = checkpoint_flag::large})
               .completed({.item = item,
                           .sequence = 3,
                           .step = 1,
                           .payload = payload_of(1, "small"),
                           .flags = checkpoint_flag::last}));
  }
  CHECK(files_in(where.path() / "x.pawl" / "blobs") == 0);
  CHECK(files_in("/proc/self/fd") == descriptors);
}

TEST_CASE("a checkpoint that names a file which nobody stored is refused") {
  temp_dir where;
  const auto store = open_lmdb(where.path() / "x.pawl");
  open_small(*store);
  take_item(*store, 0);
  const large_object made_up{1, 1, 77, 5, 0, 0};
  CHECK(code_of([&] {
          commit(*store, checkpoint_group().completed({.item = 0,
                                                       .sequence = 3,
                                                       .step = 1,
                                                       .payload = payload_of(made_up),
                                                       .flags = checkpoint_flag::large}));
        }) == errc::bad_argument);
}

TEST_CASE("snapshots of other threads read while commits go on") {
  temp_dir where;
  const auto store = open_lmdb(where.path() / "x.pawl");
  open_small(*store);
  take_item(*store, 0);
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  for (int n = 0; n < 3; ++n)
    readers.emplace_back([&] {
      const auto view = store->read();
      stored_item item;
      for (std::uint64_t seen = 0; !stop;) {
        view->refresh();
        const auto counts = view->count(1);
        const std::uint64_t now = counts.by_state[1];
        if (now < seen || !view->find(1, small_key(now - 1), item, true) || view->find(1, small_key(now), item, true))
          ++wrong;
        seen = now;
      }
    });
  for (std::uint64_t item = 1; item < 150; ++item) take_item(*store, item);
  stop = true;
  for (auto& reader : readers) reader.join();
  CHECK(wrong == 0);
}
