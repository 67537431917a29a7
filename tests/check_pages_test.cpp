// LMDB's pages, looked at before LMDB does: what is whole is whole, and every kind of damage is named.
#include "lmdb/check_pages.hpp"
#include "lmdb/backend.hpp"
#include "lmdb/open.hpp"

#include "support/catch.hpp"
#include "support/small_states.hpp"
#include "support/temp_dir.hpp"

#include <cstring>
#include <fstream>
#include <iterator>
#include <random>

using namespace pawl;
using namespace pawl::core;
using namespace pawl::test;
using Catch::Matchers::Contains;

namespace {

constexpr std::size_t page = 4096;

// Rows, an index, failed items, values in chunks, and a free list that has had time to grow.
struct filled {
  temp_dir where;
  std::filesystem::path state = where.path() / "x.pawl";
  std::string bytes;

  explicit filled(std::uint64_t items = 3000) {
    {
      const auto store = open_lmdb(state);
      open_small(*store);
      checkpoint_group group;
      for (std::uint64_t item = 0; item < items; ++item) {
        group.admitted({.item = item, .text = small_key(item)})
            .completed({.item = item, .sequence = 2, .payload = payload_of(1, std::string(item % 50 == 0 ? 9000 : 60, 'r'))});
        if (item % 10 == 0) group.failed({.item = item, .sequence = 3, .step = 1, .text = "why"});
      }
      commit(*store, group);
      for (std::uint64_t item = items; item < items + 50; ++item) take_item(*store, item);
    }
    std::ifstream in(state / "data.mdb", std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  void write(const std::string& changed) const { std::ofstream(state / "data.mdb", std::ios::binary) << changed; }

  [[nodiscard]] page_check check(const page_check_options& options = {}) const {
    const auto data = machine_files().open(state / "data.mdb");
    const found_metas metas = read_metas(*data, false);
    page_check made;
    if (!metas.findings.empty()) made.findings = metas.findings;
    else made = check_pages(*data, metas.newest, options);
    return made;
  }
  [[nodiscard]] std::string first_finding() const {
    const page_check made = check();
    return made.findings.empty() ? "" : made.findings.front();
  }
  // Where page `number`, in use, of this kind lies. 1 branch, 2 leaf, 4 a long value.
  [[nodiscard]] std::size_t page_of_kind(std::uint16_t kind) const {
    for (std::size_t at = bytes.size() / page; at-- > 2;) {
      std::uint64_t number = 0;
      std::uint16_t flags = 0;
      std::memcpy(&number, bytes.data() + at * page, sizeof number);
      std::memcpy(&flags, bytes.data() + at * page + 10, sizeof flags);
      if (number == at && flags == kind && is_used(at)) return at * page;
    }
    throw std::runtime_error("no such page");
  }
  // A page that says to have another number is told, if anything leads to it.
  [[nodiscard]] bool is_used(std::size_t at) const {
    std::string changed = bytes;
    changed[at * page] = static_cast<char>(changed[at * page] ^ 1);
    write(changed);
    const bool told = !check().findings.empty();
    write(bytes);
    return told;
  }
  // What is told of bytes that are changed there.
  [[nodiscard]] std::string told_of(std::size_t at, const std::string& fresh) const {
    write(std::string(bytes).replace(at, fresh.size(), fresh));
    std::string told = first_finding();
    write(bytes);
    return told;
  }
};

template <class T>
std::string raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::uint64_t seed() { return 20261128; }

}  // namespace

TEST_CASE("a state that was never damaged has no findings, and every page of it is accounted for") {
  for (const std::uint64_t items : {0u, 1u, 40u, 3000u, 20000u}) {
    const filled here(items);
    const page_check made = here.check();
    INFO(items << " items: " << (made.findings.empty() ? "" : made.findings.front()));
    CHECK(made.findings.empty());
    CHECK(made.unreached == 0);
    CHECK(here.check({.reach = page_reach::inner}).findings.empty());
    CHECK(here.check({.reach = page_reach::inner}).read <= made.read);
  }
}

TEST_CASE("each kind of damage to a page is told in its own words") {
  const filled here;
  const std::size_t leaf = here.page_of_kind(2);
  const std::size_t branch = here.page_of_kind(1);
  const std::size_t value = here.page_of_kind(4);
  std::uint16_t first = 0;
  std::memcpy(&first, here.bytes.data() + leaf + 16, sizeof first);
  CHECK_THAT(here.told_of(leaf, raw(std::uint64_t{1} << 40)), Contains("says that it is page"));
  CHECK_THAT(here.told_of(leaf + 10, raw(std::uint16_t{1})), Contains("is no leaf"));
  CHECK_THAT(here.told_of(branch + 10, raw(std::uint16_t{2})), Contains("is no inner page"));
  CHECK_THAT(here.told_of(leaf + 12, raw(std::uint16_t{0xfff0})), Contains("table of entries"));
  CHECK_THAT(here.told_of(leaf + 12, raw(std::uint16_t{16})), Contains("too few entries"));
  CHECK_THAT(here.told_of(leaf + 16, raw(std::uint16_t{4094})), Contains("lies where none can lie"));
  CHECK_THAT(here.told_of(leaf + first, raw(std::uint32_t{0x7fffffff})), Contains("reaches beyond it"));
  CHECK_THAT(here.told_of(value + 12, raw(std::uint32_t{0})), Contains("is no long value"));
  CHECK_THAT(here.told_of(value + 12, raw(std::uint32_t{1} << 30)), Contains("pages"));
  std::uint16_t second = 0;
  std::memcpy(&second, here.bytes.data() + branch + 18, sizeof second);
  CHECK_THAT(here.told_of(branch + second, raw(std::uint32_t{0x7fffffff})), Contains("data.mdb has"));
  CHECK_THAT(here.told_of(branch + second, raw(std::uint32_t{1})), Contains("belongs to something else"));
  CHECK_THAT(here.told_of(branch + second + 8, raw(std::uint64_t{0})), Contains("order") || Contains("belongs"));
  // The first meta page has the commits of even numbers.
  CHECK_THAT(here.told_of(16 + 128, raw(std::uint64_t{3})), Contains("commit"));
  CHECK_THAT(here.told_of(16 + 128, raw(std::uint64_t{2})), Contains("do not follow each other"));
  CHECK_THAT(here.told_of(16 + 120, raw(std::uint64_t{1} << 40)), Contains("the file has"));
  CHECK(here.first_finding().empty());
}

TEST_CASE("whatever bits are flipped in a page that is in use, the check ends, and LMDB gets through what it lets pass") {
  const filled here(400);
  std::mt19937_64 random(seed());
  INFO("seed " << seed());
  std::size_t told = 0;
  constexpr int rounds = 400;
  for (int round = 0; round < rounds; ++round) {
    std::string changed = here.bytes;
    // Most of what matters stands in front.
    const std::size_t at = random() % (changed.size() / page) * page + random() % (round % 2 == 0 ? 64 : page);
    changed[at] = static_cast<char>(changed[at] ^ (1 << random() % 8));
    here.write(changed);
    if (!here.check().findings.empty()) {
      ++told;
      continue;
    }
    CAPTURE(round, at);
    // Named, or right: what it reads without a complaint is checked by count_items' own look at every item.
    const errc code = code_of([&] {
      const auto store = open_lmdb_reader(here.state);
      const auto view = store->read();
      view->scan(1, 0, nullptr, [](const stored_item&) { return true; });
    });
    REQUIRE((code == errc{} || code == errc::damaged));
  }
  CHECK(told > 20);
}

TEST_CASE("the check stops at as many findings as are asked for, and its progress may end it") {
  const filled here;
  std::string changed = here.bytes;
  for (std::size_t at = 2 * page; at < changed.size(); at += page)
    // The main tree's stays, for it leads to all others.
    if (changed[at + 10] == 2 && changed.substr(at, page).find("chunks") == std::string::npos) changed[at + 12] = static_cast<char>(changed[at + 12] ^ 1);  // leaves: an odd end of the table
  here.write(changed);
  CHECK(here.check({.findings_max = 3}).findings.size() == 3);
  CHECK(here.check({.findings_max = 1}).findings.size() == 1);
}
