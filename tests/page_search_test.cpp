// Many keys found at once in LMDB's pages: what LMDB finds itself, or nothing.
#include "lmdb/page_search.hpp"
#include "lmdb/environment.hpp"
#include "lmdb/open.hpp"

#include "support/catch.hpp"
#include "support/small_states.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <random>

using namespace pawl;
using namespace pawl::core;
using namespace pawl::test;

namespace {

constexpr std::size_t page = 4096;

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span{text}); }

// A state whose index holds entries of the test's own.
struct searched {
  temp_dir where;
  std::filesystem::path state = where.path() / "x.pawl";
  std::map<std::string, std::string> entries;

  searched() { open_small(*open_lmdb(state)); }

  void put(const std::string& key, const std::string& value) { entries[key] = value; }
  void write() const {
    environment env(state, access_mode::write, default_map_size(), owner_lock::take(state));
    write_transaction txn(env);
    for (const auto& [key, value] : entries) txn.put(env.in().index, bytes_of(key), bytes_of(value));
    txn.commit("commit");
  }
  // Keys of all lengths, many with the same beginning.
  void fill(std::size_t count, std::mt19937& random) {
    while (entries.size() < count) {
      std::string key(1 + random() % (random() % 8 == 0 ? 511 : 24), 'k');
      for (std::size_t i = random() % key.size(); i < key.size(); ++i) key[i] = static_cast<char>(random());
      put(key, std::string(1 + random() % 40, 'v') + std::to_string(entries.size()));
    }
    write();
  }
  // What is found of each key; `max` keys at a time.
  std::vector<std::string> find(const std::vector<std::string>& keys, std::size_t max) const {
    // Whatever the pages are: an opening would refuse damaged ones.
    const environment env(state, access_mode::read, default_map_size(), owner_lock{}, [](file&, const meta_record&) {});
    const read_transaction txn(env);
    page_search search;
    std::vector<std::string> found;
    for (std::size_t at = 0; at < keys.size(); at += max) {
      std::vector<page_search_key> wanted;
      for (std::size_t i = at; i < std::min(keys.size(), at + max); ++i) wanted.push_back({bytes_of(keys[i]), {}});
      search.find(txn, "index", wanted);
      for (const page_search_key& one : wanted) found.push_back(text_of(one.value));
    }
    return found;
  }
  std::vector<std::string> keys(std::mt19937& random) const {
    std::vector<std::string> all;
    for (const auto& [key, value] : entries) all.push_back(key);
    std::shuffle(all.begin(), all.end(), random);
    return all;
  }
};

}  // namespace

TEST_CASE("of many keys in any order each has the value that was put, however many are asked for at once") {
  std::mt19937 random(7);
  const std::size_t count = GENERATE(as<std::size_t>(), 1, 2, 3, 50, 20000);  // from one page to three levels of them
  searched here;
  here.fill(count, random);
  const auto keys = here.keys(random);
  for (const std::size_t most : {std::size_t{1}, std::size_t{64}, std::size_t{1000}}) {
    const auto found = here.find(keys, most);
    REQUIRE(found.size() == count);
    for (std::size_t i = 0; i < count; ++i) REQUIRE(found[i] == here.entries.at(keys[i]));
  }
}

TEST_CASE("a key that is not there is not found, and one that comes twice is found twice") {
  std::mt19937 random(8);
  searched here;
  here.fill(5000, random);
  std::vector<std::string> keys;
  for (const std::string& key : here.keys(random)) {
    keys.push_back(key);
    keys.push_back(key.substr(0, key.size() - 1));
    keys.push_back(key);
    if (key.size() < index_key_size_max) keys.push_back(key + '\0');
  }
  keys.insert(keys.end(), {"", std::string(1, '\0'), std::string(index_key_size_max, '\xff')});
  const auto found = here.find(keys, 64);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto entry = here.entries.find(keys[i]);
    REQUIRE(found[i] == (entry != here.entries.end() ? entry->second : ""));
  }
}

TEST_CASE("nothing is found in a tree that is empty, and no value that is too long for its page") {
  std::mt19937 random(9);
  searched here;
  CHECK(here.find({"a", "b"}, 64) == std::vector<std::string>{"", ""});
  here.put("a", std::string(3000, 'l'));
  here.put("b", "short");
  here.write();
  CHECK(here.find({"a", "b"}, 64) == std::vector<std::string>{"", "short"});
}

TEST_CASE("damaged pages give something from within the map, or nothing") {
  std::mt19937 random(10);
  searched here;
  here.fill(20'000, random);
  const auto data = here.state / "data.mdb";
  std::ifstream in(data, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(in), {});
  std::vector<std::size_t> pages;  // of the tree: nearly all that there are
  for (std::size_t at = 0; at + page <= bytes.size(); at += page)
    if (bytes.find("kk", at) < at + page || bytes.find('v', at) < at + page) pages.push_back(at);
  const auto keys = here.keys(random);
  std::size_t missed = 0;
  for (int round = 0; round < 40; ++round) {
    std::string changed = bytes;
    for (const std::size_t at : pages)
      for (int hits = 0; hits < 3; ++hits) {
        // Headers and tables, and nodes.
        const std::size_t offset = random() % (random() % 2 == 0 ? 40 : page);
        changed[at + offset] = static_cast<char>(random());
      }
    // What LMDB itself needs to come this far stays as it is: its two first pages, and the page of its main tree.
    const auto keep = [&](std::size_t at) { changed.replace(at, page, bytes, at, page); };
    keep(0);
    keep(page);
    for (std::size_t at = bytes.find("chunks"); at != std::string::npos; at = bytes.find("chunks", at + 1))
      keep(at / page * page);
    std::ofstream(data, std::ios::binary) << changed;
    const auto found = here.find(keys, 64);
    for (std::size_t i = 0; i < keys.size(); ++i) missed += found[i] != here.entries.at(keys[i]);
  }
  CHECK(missed != 0);
}
