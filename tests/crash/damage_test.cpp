// Damage anywhere in a state: the right answer or a named error; never a crash, a hang, or a wrong answer, and nothing is done
// twice. And what `verify` finds nothing wrong with can be read.
//
// Some hundred damages by default; PAWL_TEST_DAMAGES=20000 for many, PAWL_TEST_SEED=N for others.
#include "support/asked.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/temp_dir.hpp"
#include "support/whole_state.hpp"

#include "lmdb/layout.hpp"
#include "record/key.hpp"
#include "record/row.hpp"
#include "store/crc32c.hpp"

#include <pawl/inspect.hpp>
#include <pawl/maintain.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <random>
#include <sstream>

namespace fs = std::filesystem;
using namespace pawl;
using namespace pawl::test;

namespace {

constexpr unsigned seconds_for_a_child = 60;

// ---- what a state answers ----

// By key (or by what else is counted), what is told of it.
using answers = std::map<std::string, std::string>;

std::string short_text(const std::string& text) {
  return text.size() < 200 ? text : std::to_string(text.size()) + "#" + std::to_string(std::hash<std::string>{}(text));
}

std::string value_text(const std::optional<value_view>& value) {
  if (!value) return "-";
  if (value->damaged) throw error(errc::damaged, "show: " + value->problem);
  if (!value->problem.empty()) throw std::runtime_error("a value is not shown: " + value->problem);
  return short_text(value->json);
}

std::string item_text(const item_view& item) {
  std::string text = std::string(name_of(item.state)) + " " + std::to_string(item.steps_completed) + " " + short_text(item.error) +
                     " in " + value_text(item.input) + " out " + value_text(item.result);
  for (const value_view& one : item.kept) text += " kept " + one.step + " " + value_text(one);
  return text;
}

// As status, ls, show and table tell it. Throws what is named.
answers ask(const fs::path& state) {
  answers all;
  const state_view view(state);
  for (const workflow_view& one : view.workflows()) {
    std::string text;
    for (const std::uint64_t count : one.by_state) text += std::to_string(count) + " ";
    for (const auto& step : one.steps) text += step.name + " " + std::to_string(step.completed) + " ";
    all["workflow " + one.name] = text;
  }
  const auto listed = [&](std::optional<item_state> which) {
    std::string keys;
    item_query query{.state = which, .limit = 7, .values = true};
    do {
      const item_page page = view.items(query);
      for (const damaged_item& one : page.damaged) throw error(errc::damaged, one.sentence);
      for (const item_view& item : page.items) {
        keys += item.key.to_string() + " ";
        if (!which) all["item " + item.key.to_string()] = item_text(item);
      }
      query.after = page.next;
    } while (!query.after.empty());
    all["listed " + (which ? std::string(name_of(*which)) : "all")] = keys;
  };
  listed({});
  listed(item_state::failed);
  listed(item_state::skipped);
  for (int n = 0; n < whole::items; ++n)
    if (const auto item = view.item("whole", n)) all["shown " + std::to_string(n)] = item_text(*item);
  for (const table_info& table : view.tables()) {
    std::string text = std::to_string(table.entries) + ": ";
    for (const table_row& row : view.entries(table.name).rows) text += row.key.to_string() + "=" + row.json + " ";
    all["table " + table.name] = text;
  }
  return all;
}

bool names_damage(const std::string& text) {
  for (const char* word : {"damaged", "checksum", "pawl verify", "restore a backup", "is gone", "cannot be read"})
    if (text.find(word) != std::string::npos) return true;
  return false;
}

struct right_answers {
  answers before;
  answers after;
  std::multiset<std::string> calls;
};

right_answers answers_of(const fs::path& state) {
  right_answers right;
  right.before = ask(state);
  whole::calls seen;
  std::ostringstream log;
  static_cast<void>(whole::finish(state, seen, log));
  right.after = ask(state);
  right.calls = seen.all();
  return right;
}

enum outcome : int { right = 0, named = 1, wrong = 2 };

std::string difference(const answers& wanted, const answers& told) {
  for (const auto& [what, text] : wanted) {
    const auto found = told.find(what);
    if (found == told.end()) return what + " is missing";
    if (found->second != text) return what + " is told as: " + found->second + " and not: " + text;
  }
  return told.size() > wanted.size() ? "there is more than there should be" : "";
}

// Of the finished state: only items that failed with named damage may differ.
std::string difference_after(const answers& wanted, const answers& told, bool& any_named) {
  for (const auto& [what, text] : wanted) {
    const auto found = told.find(what);
    if (found != told.end() && found->second == text) continue;
    const bool is_item = what.starts_with("item ") || what.starts_with("shown ");
    if (is_item && found != told.end() && found->second.starts_with("failed") && names_damage(found->second)) {
      any_named = true;
      continue;
    }
    if (!is_item) continue;  // sums over items: judged when all items are right
    return what + (found == told.end() ? " is missing" : " came to: " + found->second + " and not: " + text);
  }
  return any_named ? "" : difference(wanted, told);
}

// In a child: asks and finishes a damaged state.
int judge(const fs::path& state, const right_answers& wanted, std::string& why) {
  std::string verified = "whole";
  try {
    const verify_report found = verify(state);
    if (!found.whole()) verified = found.findings.front().sentence;
  } catch (const error& failure) {
    verified = failure.what();
  }
  bool any_named = verified != "whole";
  why = verified;
  try {
    if (const std::string wrongly = difference(wanted.before, ask(state)); !wrongly.empty()) {
      why = "asked: " + wrongly + " (verify says: " + verified + ")";
      return wrong;
    }
  } catch (const error& failure) {
    why = failure.what();
    if (!any_named) {
      why = "verify finds nothing wrong, and then: " + why;
      return wrong;
    }
  }
  whole::calls seen;
  std::ostringstream log;
  try {
    static_cast<void>(whole::finish(state, seen, log));
    if (const std::string wrongly = difference_after(wanted.after, ask(state), any_named); !wrongly.empty()) {
      why = "finished: " + wrongly + " (verify says: " + verified + ")";
      return wrong;
    }
  } catch (const error& failure) {
    why = failure.what();
    any_named = true;
  }
  std::vector<std::string> twice;
  std::set_difference(seen.all().begin(), seen.all().end(), wanted.calls.begin(), wanted.calls.end(), std::back_inserter(twice));
  const bool told = log.str().find("dropped") != std::string::npos;
  if (!twice.empty() && !told) {
    why = "done twice: " + twice.front() + " (verify says: " + verified + "; log: " + log.str() + ")";
    return wrong;
  }
  return any_named || told ? named : right;
}

// Its outcome, or -signal.
int judge_in_child(const fs::path& state, const right_answers& wanted, std::string& why) {
  child_process child([&](int pipe) {
    ::alarm(seconds_for_a_child);
    std::string text;
    int found = wrong;
    try {
      found = judge(state, wanted, text);
    } catch (const std::exception& failure) {
      text = std::string("something unnamed: ") + failure.what();
    }
    std::replace(text.begin(), text.end(), '\n', ' ');
    say(pipe, text.substr(0, 2000));
    return found;
  });
  why = child.line();
  return child.wait();
}

// ---- damage ----

std::string content_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void write_to(const fs::path& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

std::vector<fs::path> files_of(const fs::path& state) {
  std::vector<fs::path> all;
  for (const auto& one : fs::recursive_directory_iterator(state))
    if (one.is_regular_file()) all.push_back(fs::relative(one.path(), state));
  std::sort(all.begin(), all.end());
  return all;
}

// Where there is something: up to the last byte that is not zero, in whole blocks.
std::size_t used_of(const std::string& bytes) {
  const std::size_t last = bytes.find_last_not_of('\0');
  return last == std::string::npos ? 0 : std::min(bytes.size(), last / 4096 * 4096 + 4096);
}

// Says what it did.
std::string damage(const fs::path& state, std::mt19937_64& random) {
  const auto below = [&](std::uint64_t bound) { return static_cast<std::size_t>(random() % std::max<std::uint64_t>(bound, 1)); };
  const std::vector<fs::path> files = files_of(state);
  fs::path file = files[below(files.size())];
  if (below(100) < 45) file = "data.mdb";
  const fs::path path = state / file;
  std::string bytes = content_of(path);
  const std::size_t used = used_of(bytes);
  const auto block = [&](std::size_t size) { return below(used / size) * size; };
  std::ostringstream what;
  what << file.string() << " of " << bytes.size() << " bytes: ";
  const std::size_t kind = below(100);
  if (kind < 50 || used < 8192) {
    // Headers stand in front of their blocks, and most of what is worth damaging does.
    const std::size_t at = std::min(block(4096) + below(below(3) == 0 ? 64 : 4096), used == 0 ? 0 : used - 1);
    const std::size_t bit = below(8);
    if (!bytes.empty()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
    what << "bit " << bit << " of byte " << at << " flipped";
  } else if (kind < 60) {
    const std::size_t at = below(used);
    bytes[at] = static_cast<char>(random());
    what << "byte " << at << " is " << static_cast<int>(bytes[at]);
  } else if (kind < 75) {
    const std::size_t size = below(2) == 0 ? 512 : 4096;
    const std::size_t at = block(size);
    bytes.replace(at, std::min(size, bytes.size() - at), std::min(size, bytes.size() - at), '\0');
    what << size << " bytes from " << at << " on are zeros";
  } else if (kind < 85) {
    const std::size_t size = below(2) == 0 ? 512 : 4096;
    const std::size_t one = block(size);
    const std::size_t other = block(size);
    for (std::size_t i = 0; i < size && one + i < bytes.size() && other + i < bytes.size(); ++i) std::swap(bytes[one + i], bytes[other + i]);
    what << size << " bytes from " << one << " and " << other << " on are swapped";
  } else if (kind < 90) {
    const std::size_t from = block(4096);
    const std::size_t to = block(4096);
    for (std::size_t i = 0; i < 4096 && from + i < bytes.size() && to + i < bytes.size(); ++i) bytes[to + i] = bytes[from + i];
    what << "the block at " << from << " lies at " << to << " as well";
  } else if (kind < 94) {
    const std::size_t at = block(512);
    for (std::size_t i = at; i < std::min(at + 512, bytes.size()); ++i) bytes[i] = static_cast<char>(random());
    what << "512 bytes from " << at << " on are noise";
  } else if (kind < 98) {
    const std::size_t size = below(2) == 0 ? below(bytes.size()) : block(4096);
    bytes.resize(size);
    what << "cut off at " << size;
  } else {
    fs::remove(path);
    what << "removed";
    return what.str();
  }
  write_to(path, bytes);
  return what.str();
}

struct made_state {
  temp_dir dir;
  fs::path made = dir / "made";
  right_answers wanted;
  made_state() {
    whole::make(made);
    copy_to(dir / "right");
    wanted = answers_of(dir / "right");
  }
  void copy_to(const fs::path& place) const { fs::copy(made, place, fs::copy_options::recursive); }
};

std::string outcome_text(int code) {
  switch (code) {
    case right: return "right";
    case named: return "named";
    case wrong: return "WRONG";
    case -SIGALRM: return "a HANG";
    default: return "a CRASH (" + std::to_string(code) + ")";
  }
}

}  // namespace

TEST_CASE("the state that is damaged has one of everything") {
  const made_state made;
  const verify_report found = verify(made.made);
  INFO((found.whole() ? "" : found.findings.front().sentence));
  CHECK(found.whole());
  CHECK(found.journaled > 0);
  CHECK(found.files > 1);
  CHECK(found.values > found.files);
  CHECK(found.table_entries == 7);
  CHECK(found.checkpoints >= 2);
  CHECK(made.wanted.before.at("item 0").starts_with("done"));
  CHECK(made.wanted.before.at("item 3").starts_with("failed"));
  CHECK(made.wanted.before.at("item 4").starts_with("skipped"));
  CHECK(made.wanted.before.at("item 45").starts_with("in_progress"));
  CHECK(made.wanted.calls.count("write 0") == 0);
  CHECK(made.wanted.calls.count("write 45") == 1);
  std::string why;
  made.copy_to(made.dir / "again");
  CHECK(judge_in_child(made.dir / "again", made.wanted, why) == right);
  CHECK(why == "whole");
}

TEST_CASE("damage anywhere gives the right answer or a named error") {
  const made_state made;
  const auto seed = static_cast<std::uint64_t>(asked_for("PAWL_TEST_SEED", 1));
  const int count = asked_for("PAWL_TEST_DAMAGES", 80);
  std::map<std::string, int> seen;
  int bad = 0;
  for (int i = 0; i < count && bad < 20; ++i) {
    std::mt19937_64 random(seed * 1'000'003 + static_cast<std::uint64_t>(i));
    const fs::path state = made.dir / "damaged";
    made.copy_to(state);
    const std::string what = damage(state, random);
    std::string why;
    const int code = judge_in_child(state, made.wanted, why);
    fs::remove_all(state);
    ++seen[outcome_text(code)];
    if (code == right || code == named) continue;
    ++bad;
    UNSCOPED_INFO("PAWL_TEST_SEED=" << seed << ", damage " << i << " (" << what << ") gives " << outcome_text(code) << ": " << why);
    std::cerr << "damage " << i << " (" << what << ") gives " << outcome_text(code) << ": " << why << "\n";
  }
  std::cout << count << " damaged states (seed " << seed << "):";
  for (const auto& [text, times] : seen) std::cout << " " << times << " " << text;
  std::cout << "\n";
  CHECK(bad == 0);
  CHECK(seen["named"] > count / 10);
  CHECK(seen["right"] > count / 20);
}

TEST_CASE("a checksum that nobody looks at is found out") {
  // As if it were not looked at: it is made to match what was damaged.
  const made_state made;
  const fs::path state = made.dir / "spoilt";
  made.copy_to(state);
  std::string bytes = content_of(state / "data.mdb");
  const std::string key = [] {
    std::string typed;
    core::key_writer(typed).number(false, 8);
    return typed;
  }();
  int spoilt = 0;
  for (std::size_t at = 0; at + 8 <= bytes.size(); ++at) {
    // An item's node: its address is the key, its row the value, whose size stands 8 bytes in front.
    const core::item_address address = core::address_of(1, 8);
    const auto name = core::item_key(address);
    if (std::memcmp(bytes.data() + at, name.data(), name.size()) != 0) continue;
    std::uint32_t size = 0;
    std::memcpy(&size, bytes.data() + at - 8, sizeof size);
    if (size < 64 || size > core::row_size_max_in_page || at + 8 + size > bytes.size()) continue;
    const std::size_t value = bytes.find(std::string(12, 'i'), at);
    if (value == std::string::npos || value > at + size) continue;
    bytes[value] = 'j';
    const auto row = std::as_bytes(std::span(bytes)).subspan(at + 8, size);
    const std::uint32_t sum = core::crc32c(row.subspan(4), core::crc32c(std::as_bytes(std::span{&address, 1})));
    std::memcpy(bytes.data() + at + 8, &sum, sizeof sum);
    ++spoilt;
  }
  REQUIRE(spoilt > 0);
  write_to(state / "data.mdb", bytes);
  std::string why;
  CHECK(judge_in_child(state, made.wanted, why) == wrong);
  CHECK_THAT(why, Catch::Contains("item 8"));
}
