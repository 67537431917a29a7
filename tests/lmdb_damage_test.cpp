// Damaged files: the right answer or one named error, never a wrong value.
#include "lmdb/layout.hpp"
#include "lmdb/open.hpp"
#include "lmdb/status.hpp"

#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/small_states.hpp"
#include "support/temp_dir.hpp"

#include <lmdb.h>

#include <fstream>
#include <iterator>
#include <random>

using namespace pawl;
using namespace pawl::core;
using namespace pawl::test;
using Catch::Matchers::Contains;

namespace {

struct filled {
  temp_dir where;
  std::filesystem::path state = where.path() / "x.pawl";
  std::filesystem::path data = state / "data.mdb";
  std::string bytes;

  filled() {
    {
      const auto store = open_lmdb(state);
      open_small(*store);
      for (std::uint64_t item = 0; item < 40; ++item) take_item(*store, item);
      take_item(*store, 40, std::string(9000, 'c'));
    }
    std::ifstream in(data, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  void write(const std::string& changed) const { std::ofstream(data, std::ios::binary) << changed; }
  // Every place where an item's row or index entry stands with its key.
  std::vector<std::size_t> places_of(const std::string& text) const {
    std::vector<std::size_t> places;
    for (std::size_t at = bytes.find(text); at != std::string::npos; at = bytes.find(text, at + 1))
      places.push_back(at);
    return places;
  }
};

// Reads all; 0: everything right, 1: a named error, 2: a wrong value or another error.
int verdict_of_reading(const std::filesystem::path& state) {
  try {
    const auto store = open_lmdb_reader(state);
    const auto view = store->read();
    std::vector<std::byte> bytes;
    for (std::uint64_t item = 0; item <= 40; ++item) {
      stored_item found;
      const auto again = store->read();
      if (!again->find(1, small_key(item), found, true)) return 2;
      again->fetch(1, found, found.result, bytes);
      if (found.id != item || found.key != small_key(item)) return 2;
      if (text_of(bytes) != (item == 40 ? std::string(9000, 'c') : "result")) return 2;
    }
    std::uint64_t seen = 0;
    view->scan(1, 0, nullptr, [&](const stored_item&) { return ++seen != 0; });
    return seen == 41 && view->count(1).by_state[1] == 41 ? 0 : 2;
  } catch (const error& failure) {
    return failure.code() == errc::damaged ? 1 : 2;
  }
}

}  // namespace

TEST_CASE("a flipped byte in a row or a value is named damage or does no harm") {
  const filled here;
  REQUIRE(verdict_of_reading(here.state) == 0);
  std::size_t named = 0;
  const auto flip = [&](std::size_t at) {
    for (const int bit : {0x01, 0x20, 0x80}) {
      std::string changed = here.bytes;
      changed[at] = static_cast<char>(changed[at] ^ bit);
      here.write(changed);
      const int verdict = verdict_of_reading(here.state);
      INFO("byte " << at << " of data.mdb, bit " << bit);
      REQUIRE(verdict != 2);
      named += verdict == 1;
    }
  };
  // The entries of an item in `items` and in `index`, in each page that has or had them.
  for (const std::size_t place : here.places_of(small_key(17)))
    for (std::size_t at = place - row_fixed_size - 2; at < place + small_key(17).size() + 20; ++at) flip(at);
  CHECK(named > row_fixed_size);
  const std::size_t before = named;
  for (const std::size_t place : here.places_of(std::string(4000, 'c'))) flip(place + 2000);
  CHECK(named > before);
}

TEST_CASE("a data.mdb that was cut off is refused with what is missing") {
  const filled here;
  std::string sentence;
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{100}, std::size_t{4096}, std::size_t{8192}, std::size_t{20'000}}) {
    here.write(here.bytes.substr(0, size));
    CHECK(code_of([&] { static_cast<void>(open_lmdb(here.state)); }, &sentence) == errc::damaged);
    CHECK_THAT(sentence, Contains("cut off"));
    CHECK(code_of([&] { static_cast<void>(open_lmdb_reader(here.state)); }) == errc::damaged);
  }
  here.write(here.bytes);
  CHECK(verdict_of_reading(here.state) == 0);
}

TEST_CASE("a data.mdb that is something else is refused") {
  const filled here;
  std::string sentence;
  SECTION("text") {
    here.write(std::string(100'000, 't'));
    CHECK(code_of([&] { static_cast<void>(open_lmdb(here.state)); }, &sentence) == errc::damaged);
    CHECK_THAT(sentence, Contains("not a file of LMDB"));
  }
  SECTION("zeros") {
    here.write(std::string(100'000, '\0'));
    CHECK(code_of([&] { static_cast<void>(open_lmdb(here.state)); }) == errc::damaged);
  }
  SECTION("another version of LMDB") {
    std::string changed = here.bytes;
    changed[20] = 2;
    here.write(changed);
    CHECK(code_of([&] { static_cast<void>(open_lmdb(here.state)); }) == errc::newer_format);
  }
  SECTION("a page size that cannot be") {
    std::string changed = here.bytes;
    changed[40] = 1;
    here.write(changed);
    CHECK(code_of([&] { static_cast<void>(open_lmdb(here.state)); }) == errc::damaged);
  }
}

TEST_CASE("a damaged record about workflows is named") {
  const filled here;
  std::size_t named = 0;
  for (const std::size_t place : here.places_of("pawl state")) {  // those that commits left behind, too
    std::string changed = here.bytes;
    changed[place + 20] ^= 1;
    here.write(changed);
    std::string sentence;
    const errc code = code_of([&] { static_cast<void>(open_lmdb_reader(here.state)); }, &sentence);
    CHECK((code == errc{} || code == errc::damaged));
    named += sentence.find("checksum") != std::string::npos;
  }
  CHECK(named == 1);
}

TEST_CASE("every code of LMDB has a cause and an advice") {
  for (int status = MDB_LAST_ERRCODE; status <= MDB_KEYEXIST; ++status) {
    std::string sentence;
    CHECK(code_of([&] { throw_lmdb(status, "do it", "/x"); }, &sentence) != errc{});
    CHECK_THAT(sentence, Contains("lmdb: cannot do it in /x: ") && Contains("; "));
  }
  CHECK(code_of_lmdb(ENOSPC) == errc::disk_full);
  CHECK(code_of_lmdb(MDB_MAP_FULL) == errc::disk_full);
  CHECK(code_of_lmdb(EIO) == errc::io);
  CHECK(code_of_lmdb(MDB_CORRUPTED) == errc::damaged);
}

TEST_CASE("a map that is used up is a full disk, and nothing is lost") {
  temp_dir where;
  const auto store = open_lmdb(where.path() / "x.pawl", {.map_size = 1 << 20});
  open_small(*store);
  take_item(*store, 0);
  checkpoint_group group;
  for (std::uint64_t item = 1; item < 2000; ++item)
    group.admitted({.item = item, .text = small_key(item)})
        .completed({.item = item, .sequence = 2, .payload = payload_of(1, std::string(1500, 'r'))});
  std::string sentence;
  CHECK(code_of([&] { commit(*store, group); }, &sentence) == errc::disk_full);
  CHECK_THAT(sentence, Contains("address space"));
  CHECK(count_items(*store) == 1);
  take_item(*store, 1);
  CHECK(count_items(*store) == 2);
}
