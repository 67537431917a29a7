// Opening a state: what is made, what is refused, and with which sentence.
#include "lmdb/catalogue.hpp"
#include "lmdb/open.hpp"
#include "lmdb/registry.hpp"
#include "lmdb/state_directory.hpp"

#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/small_states.hpp"
#include "support/temp_dir.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

using namespace pawl;
using namespace pawl::core;
using namespace pawl::test;
using Catch::Matchers::Contains;

namespace {

struct place {
  temp_dir where;
  std::filesystem::path state = where.path() / "x.pawl";
};

unsigned mode_of(const std::filesystem::path& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777u : 0;
}

void write_file(const std::filesystem::path& path, const std::string& text) { std::ofstream(path) << text; }

errc code_of_opening(const std::filesystem::path& state, std::string& sentence, const lmdb_options& options = {}) {
  return code_of([&] { static_cast<void>(open_lmdb(state, options)); }, &sentence);
}

}  // namespace

TEST_CASE("a new state is for its owner alone, whatever the umask") {
  for (const mode_t mask : {mode_t{0}, mode_t{0277}, mode_t{0777}}) {
    place here;
    const mode_t before = ::umask(mask);
    { const auto store = open_lmdb(here.state); }
    ::umask(before);
    CHECK(mode_of(here.state) == 0700);
    CHECK(mode_of(here.state / "blobs") == 0700);
    for (const char* name : {"data.mdb", "lock.mdb", "owner"}) CHECK(mode_of(here.state / name) == 0600);
    CHECK(std::distance(std::filesystem::directory_iterator(here.where.path()), {}) == 1);
  }
}

TEST_CASE("a state keeps its uuid and raises its epoch at each opening") {
  place here;
  std::array<std::byte, 16> uuid{};
  std::uint64_t epoch = 0;
  for (int round = 0; round < 3; ++round) {
    const auto store = open_lmdb(here.state);
    const auto named = store->store_large(1, {});
    CHECK(named.epoch == epoch + 1);
    epoch = named.epoch;
    if (round == 0) uuid = store->uuid();
    CHECK(store->uuid() == uuid);
  }
  place there;
  CHECK(open_lmdb(there.state)->uuid() != uuid);
}

TEST_CASE("what was stored is there after a reopening") {
  place here;
  {
    const auto store = open_lmdb(here.state);
    open_small(*store);
    for (std::uint64_t item = 0; item < 100; ++item) take_item(*store, item);
  }
  CHECK(count_items(*open_lmdb(here.state)) == 100);
}

TEST_CASE("a second opening in this process is refused by any path and leaves the first one's lock alone") {
  place here;
  const auto store = open_lmdb(here.state);
  std::filesystem::create_directory_symlink(here.state, here.where.path() / "link.pawl");
  std::string sentence;
  for (const auto& path : {here.state, here.where.path() / "link.pawl", here.where.path() / "." / "x.pawl" / ""}) {
    CHECK(code_of_opening(path, sentence) == errc::state_in_use);
    CHECK_THAT(sentence, Contains("in this process"));
  }
  { const auto reader = open_lmdb_reader(here.state); }
  child_process other([&](int) {
    std::string said;
    if (code_of_opening(here.state, said) != errc::state_in_use) return 1;
    return said.find("process " + std::to_string(::getppid())) == std::string::npos ? 2 : 0;
  });
  CHECK(other.wait() == 0);
}

// A second environment would drop the locks of the first one when it is closed.
TEST_CASE("however openings and closings meet in a process, it has a state open once") {
  place here;
  place other;
  { const auto store = open_lmdb(here.state); }
  { const auto store = open_lmdb(other.state); }
  const auto descriptors = [data = std::filesystem::canonical(here.state / "data.mdb")] {
    std::ptrdiff_t count = 0;
    std::error_code gone;
    for (const auto& one : std::filesystem::directory_iterator("/proc/self/fd"))
      if (std::filesystem::read_symlink(one.path(), gone) == data) ++count;
    return count;
  };
  const std::ptrdiff_t usual = [&] {
    const auto reader = open_lmdb_reader(here.state);
    return descriptors();
  }();
  REQUIRE(usual > 0);
  std::atomic<int> opened_again{0};
  std::atomic<bool> over{false};
  // Openings are one after the other: this one keeps them busy.
  std::thread elsewhere([&] {
    while (!over) static_cast<void>(open_lmdb_reader(other.state));
  });
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([&] {
      for (int round = 0; round < 300; ++round) {
        const auto reader = open_lmdb_reader(here.state);
        if (descriptors() != usual) ++opened_again;
      }
    });
  for (std::thread& one : readers) one.join();
  over = true;
  elsewhere.join();
  CHECK(opened_again == 0);
}

TEST_CASE("a state that another process has open is refused with its pid, and free when that dies") {
  place here;
  child_process owner([&](int pipe) {
    const auto store = open_lmdb(here.state);
    say(pipe, "open");
    ::pause();
    return 0;
  });
  REQUIRE(owner.line() == "open");
  std::string sentence;
  CHECK(code_of_opening(here.state, sentence) == errc::state_in_use);
  CHECK_THAT(sentence, Contains("process " + std::to_string(owner.pid())));
  owner.kill();
  owner.wait();
  CHECK(code_of_opening(here.state, sentence) == errc{});
}

TEST_CASE("a state is free again when its backend and snapshots are gone") {
  place here;
  auto store = open_lmdb(here.state);
  auto view = store->read();
  store.reset();
  std::string sentence;
  CHECK(code_of_opening(here.state, sentence) == errc::state_in_use);
  view.reset();
  CHECK(code_of_opening(here.state, sentence) == errc{});
}

TEST_CASE("what is no state is refused, each with its sentence") {
  place here;
  std::string sentence;
  SECTION("a directory with other files") {
    std::filesystem::create_directory(here.state);
    write_file(here.state / "thesis.tex", "years of work");
    CHECK(code_of_opening(here.state, sentence) == errc::not_a_state);
    CHECK_THAT(sentence, Contains("was not made by pawl"));
    CHECK(code_of([&] { static_cast<void>(open_lmdb_reader(here.state)); }) == errc::not_a_state);
    CHECK(std::distance(std::filesystem::directory_iterator(here.state), {}) == 1);
  }
  SECTION("a file") {
    write_file(here.state, "text");
    CHECK(code_of_opening(here.state, sentence) == errc::not_a_state);
    CHECK_THAT(sentence, Contains("is a file"));
  }
  SECTION("a missing parent") {
    CHECK(code_of_opening(here.where.path() / "no" / "x.pawl", sentence) == errc::not_a_state);
    CHECK_THAT(sentence, Contains("does not exist"));
  }
  SECTION("a missing state, where none is to be made") {
    CHECK(code_of_opening(here.state, sentence, {.create = false}) == errc::not_a_state);
    CHECK(code_of([&] { static_cast<void>(open_lmdb_reader(here.state)); }, &sentence) == errc::not_a_state);
    CHECK_THAT(sentence, Contains("there is no state"));
    CHECK_FALSE(std::filesystem::exists(here.state));
  }
  SECTION("no name") { CHECK(code_of_opening("", sentence) == errc::bad_argument); }
  SECTION("data.mdb that is a link") {
    { const auto store = open_lmdb(here.state); }
    std::filesystem::rename(here.state / "data.mdb", here.where.path() / "elsewhere");
    std::filesystem::create_symlink(here.where.path() / "elsewhere", here.state / "data.mdb");
    CHECK(code_of_opening(here.state, sentence) == errc::not_a_state);
    CHECK_THAT(sentence, Contains("not a plain file"));
  }
  SECTION("blobs that is a link") {
    { const auto store = open_lmdb(here.state); }
    std::filesystem::remove(here.state / "blobs");
    std::filesystem::create_directory_symlink(here.where.path(), here.state / "blobs");
    CHECK(code_of_opening(here.state, sentence) == errc::not_a_state);
    CHECK_THAT(sentence, Contains("blobs is not a plain directory"));
  }
  SECTION("another program's LMDB") {
    std::filesystem::create_directory(here.state);
    MDB_env* env = nullptr;
    REQUIRE(::mdb_env_create(&env) == 0);
    REQUIRE(::mdb_env_open(env, here.state.c_str(), 0, 0600) == 0);
    ::mdb_env_close(env);
    CHECK(code_of_opening(here.state, sentence) == errc::not_a_state);
    CHECK_THAT(sentence, Contains("another program"));
  }
}

TEST_CASE("an empty directory becomes a state") {
  place here;
  std::filesystem::create_directory(here.state);
  std::string sentence;
  CHECK(code_of_opening(here.state, sentence) == errc{});
  CHECK(mode_of(here.state) == 0700);
}

TEST_CASE("a newer format and a mode that this release lacks are refused") {
  place here;
  { const auto store = open_lmdb(here.state); }
  const auto rewrite = [&](std::string_view key, std::size_t at, std::byte value) {
    environment env(here.state, access_mode::write, default_map_size(), owner_lock::take(here.state));
    write_transaction txn(env);
    const auto name = std::as_bytes(std::span{key});
    const auto body = txn.get_record(name);
    REQUIRE(body.has_value());
    std::vector<std::byte> changed(body->begin(), body->end());
    changed.at(at) = value;
    txn.put_record(name, changed);
    txn.commit("commit");
  };
  std::string sentence;
  SECTION("format") {
    rewrite("format", 16, std::byte{3});
    CHECK(code_of_opening(here.state, sentence) == errc::newer_format);
    CHECK_THAT(sentence, Contains("format 3"));
    CHECK(code_of([&] { static_cast<void>(open_lmdb_reader(here.state)); }) == errc::newer_format);
  }
  SECTION("mode") {
    rewrite("opened", 8, std::byte{9});
    CHECK(code_of_opening(here.state, sentence) == errc::newer_format);
  }
}

TEST_CASE("what a creator left behind when it died disturbs nobody") {
  place here;
  std::filesystem::create_directory(here.where.path() / ".x.pawl.new-0123456789abcdef");
  write_file(here.where.path() / ".x.pawl.new-0123456789abcdef" / "data.mdb", "half");
  std::string sentence;
  CHECK(code_of_opening(here.state, sentence) == errc{});
}

TEST_CASE("of processes that make a state at the same moment each gets it whole, one after the other") {
  place here;
  const auto open_and_take = [&](std::uint64_t item) {
    return [&here, item](int) {
      for (int left = 2000; left > 0; --left) {
        std::string sentence;
        const errc code = code_of(
            [&] {
              const auto store = open_lmdb(here.state);
              open_small(*store);
              take_item(*store, item);
            },
            &sentence);
        if (code == errc{}) return 0;
        if (code != errc::state_in_use) {
          std::fprintf(stderr, "%s\n", sentence.c_str());
          return 1;
        }
        ::usleep(2000);
      }
      return 2;
    };
  };
  child_process a(open_and_take(0)), b(open_and_take(1)), c(open_and_take(2)), d(open_and_take(3));
  CHECK(a.wait() == 0);
  CHECK(b.wait() == 0);
  CHECK(c.wait() == 0);
  CHECK(d.wait() == 0);
  CHECK(count_items(*open_lmdb(here.state)) == 4);
  CHECK(std::distance(std::filesystem::directory_iterator(here.where.path()), {}) == 1);
}

TEST_CASE("a live owner in another PID namespace is named as such, also to readers") {
  place here;
  { const auto store = open_lmdb(here.state); }
  child_process owner([&](int pipe) {
    const int fd = ::open((here.state / "owner").c_str(), O_RDWR);
    struct flock lock {};
    lock.l_type = F_WRLCK;
    if (::fcntl(fd, F_SETLK, &lock) != 0) return 1;
    const std::string text = "pid 1\nnamespace 12345\n";
    if (::ftruncate(fd, 0) != 0 || ::write(fd, text.data(), text.size()) < 0) return 2;
    say(pipe, "held");
    ::pause();
    return 0;
  });
  REQUIRE(owner.line() == "held");
  std::string sentence;
  CHECK(code_of_opening(here.state, sentence) == errc::state_in_use);
  CHECK_THAT(sentence, Contains("another PID namespace"));
  CHECK(code_of([&] { static_cast<void>(open_lmdb_reader(here.state)); }, &sentence) == errc::state_in_use);
  CHECK_THAT(sentence, Contains("another PID namespace"));
}

TEST_CASE("network file systems are refused, and others that need a word get one") {
  CHECK(verdict_on(0x6969, "/x").refused);
  CHECK_THAT(verdict_on(0x6969, "/x").sentence, Contains("NFS"));
  CHECK(verdict_on(0x65735546, "/x").refused);
  for (const long magic : {0x9123683el, 0x2fc12fc1l, 0x01021994l, 0x794c7630l}) {
    CHECK_FALSE(verdict_on(magic, "/x").refused);
    CHECK_FALSE(verdict_on(magic, "/x").sentence.empty());
  }
  CHECK(verdict_on(0xef53, "/x").sentence.empty());
}

TEST_CASE("the child of a fork cannot use what its parent opened, and the parent goes on") {
  place here;
  const auto store = open_lmdb(here.state);
  open_small(*store);
  take_item(*store, 0);
  const auto view = store->read();
  child_process child([&](int) {
    stored_item item;
    if (code_of([&] { static_cast<void>(view->find(1, small_key(0), item, true)); }) != errc::bad_argument) return 1;
    if (code_of([&] { view->refresh(); }) != errc::bad_argument) return 2;
    if (code_of([&] { static_cast<void>(store->read()); }) != errc::bad_argument) return 3;
    if (code_of([&] { take_item(*store, 1); }) != errc::bad_argument) return 4;
    if (code_of([&] { open_small(*store); }) != errc::bad_argument) return 5;
    if (code_of([&] { static_cast<void>(open_lmdb(here.state)); }) != errc::state_in_use) return 6;
    return count_items(*open_lmdb_reader(here.state)) == 1 ? 0 : 7;
  });
  CHECK(child.wait() == 0);
  take_item(*store, 1);
  CHECK(count_items(*store) == 2);
  stored_item item;
  CHECK(view->find(1, small_key(0), item, true));
}
