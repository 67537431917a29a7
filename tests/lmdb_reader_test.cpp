// Looking at a state: beside an engine that writes, after a crash, without rights.
#include "lmdb/open.hpp"

#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/small_states.hpp"
#include "support/temp_dir.hpp"

#include <sys/stat.h>

#include <fstream>
#include <iterator>

using namespace pawl;
using namespace pawl::core;
using namespace pawl::test;
using Catch::Matchers::Contains;

namespace {

std::string content_of_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("a reader in another process sees what is committed while an engine writes") {
  temp_dir where;
  const auto store = open_lmdb(where.path() / "x.pawl");
  open_small(*store);
  take_item(*store, 0);
  child_process reader([&](int pipe) {
    const auto look = open_lmdb_reader(where.path() / "x.pawl");
    std::uint64_t before = 0;
    say(pipe, "open");
    for (std::uint64_t seen = 0; seen < 50;) {
      seen = count_items(*look);  // each time a consistent state
      if (seen < before) return 1;
      before = seen;
    }
    return 0;
  });
  REQUIRE(reader.line() == "open");
  for (std::uint64_t item = 1; item < 50; ++item) take_item(*store, item);
  CHECK(reader.wait() == 0);
}

TEST_CASE("a reader after a crash sees every commit and changes no data") {
  temp_dir where;
  const auto state = where.path() / "x.pawl";
  child_process engine([&](int pipe) {
    const auto store = open_lmdb(state);
    open_small(*store);
    for (std::uint64_t item = 0; item < 20; ++item) take_item(*store, item);
    say(pipe, "taken");
    ::pause();
    return 0;
  });
  REQUIRE(engine.line() == "taken");
  engine.kill();
  engine.wait();
  const std::string before = content_of_file(state / "data.mdb");
  CHECK(count_items(*open_lmdb_reader(state)) == 20);
  CHECK(content_of_file(state / "data.mdb") == before);
  CHECK(count_items(*open_lmdb(state)) == 20);
}

TEST_CASE("a reader refuses to write") {
  temp_dir where;
  { open_small(*open_lmdb(where.path() / "x.pawl")); }
  const auto reader = open_lmdb_reader(where.path() / "x.pawl");
  std::string sentence;
  CHECK(code_of([&] { take_item(*reader, 0); }, &sentence) == errc::bad_argument);
  CHECK_THAT(sentence, Contains("opened for reading"));
  CHECK(code_of([&] { open_small(*reader); }) == errc::bad_argument);
  CHECK(code_of([&] { static_cast<void>(reader->store_large(1, {})); }) == errc::bad_argument);
  CHECK(code_of([&] { static_cast<void>(open_lmdb(where.path() / "x.pawl")); }) == errc::state_in_use);
}

TEST_CASE("a state can be looked at where nothing may be written") {
  temp_dir where;
  const auto state = where.path() / "x.pawl";
  {
    const auto store = open_lmdb(state);
    open_small(*store);
    for (std::uint64_t item = 0; item < 5; ++item) take_item(*store, item);
  }
  ::chmod(where.path().c_str(), 0755);
  ::chmod((state / "blobs").c_str(), 0555);
  for (const char* name : {"data.mdb", "lock.mdb", "owner"}) ::chmod((state / name).c_str(), 0444);
  ::chmod(state.c_str(), 0555);
  constexpr uid_t nobody = 65534;  // rights do not bind root
  child_process reader([&](int) {
    if (::geteuid() == 0 && ::setuid(nobody) != 0) return 1;
    return count_items(*open_lmdb_reader(state)) == 5 ? 0 : 2;
  });
  CHECK(reader.wait() == 0);
  ::chmod(state.c_str(), 0755);
  std::filesystem::remove(state / "lock.mdb");
  ::chmod(state.c_str(), 0555);
  child_process without_lock_file([&](int) {
    if (::geteuid() == 0 && ::setuid(nobody) != 0) return 1;
    return count_items(*open_lmdb_reader(state)) == 5 ? 0 : 2;
  });
  CHECK(without_lock_file.wait() == 0);
  ::chmod(state.c_str(), 0755);
}

TEST_CASE("who may not register as a reader is refused while an engine writes") {
  if (::geteuid() != 0) return;  // needs a second user
  temp_dir where;
  const auto state = where.path() / "x.pawl";
  const auto store = open_lmdb(state);
  ::chmod(where.path().c_str(), 0755);
  ::chmod(state.c_str(), 0755);
  for (const char* name : {"data.mdb", "lock.mdb", "owner"}) ::chmod((state / name).c_str(), 0644);
  child_process reader([&](int) {
    if (::setuid(65534) != 0) return 1;
    std::string sentence;
    if (code_of([&] { static_cast<void>(open_lmdb_reader(state)); }, &sentence) != errc::state_in_use) return 2;
    return sentence.find("may not register") == std::string::npos ? 3 : 0;
  });
  CHECK(reader.wait() == 0);
}
