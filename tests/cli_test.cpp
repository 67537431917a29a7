// The built tool, called as people call it.
#include "support/catch.hpp"
#include "support/looked_at.hpp"
#include "support/run_tool.hpp"
#include "support/temp_dir.hpp"

#include <nlohmann/json.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <fstream>
#include <map>
#include <thread>

using nlohmann::json;
using pawl::test::content_of_file;
using pawl::test::damage_row;
using pawl::test::make_shop;
using pawl::test::quiet;
using pawl::test::run_tool;
using pawl::test::said;
using pawl::test::shop;
using pawl::test::temp_dir;

namespace {

const std::vector<std::string> mixed = {"a", "bad 1", "b", "no 1", "c"};
const std::vector<std::string> nasty = {"line\nbreak",
                                        "tab\tand\rreturn",
                                        "\x1b[31mred",
                                        "\xff\xfe\x80",
                                        "back\\slash",
                                        std::string("nul\0inside", 10),
                                        "\xc2\x9b"
                                        "31m",
                                        "\xe2\x80\xae"
                                        "abc",
                                        "bad \x1b]0;title\x07\xff",
                                        ""};

std::size_t lines_in(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

// One sentence on standard error, nothing on standard output.
void check_refused(const said& got, int code) {
  CAPTURE(got.out, got.err);
  CHECK(got.code == code);
  CHECK(got.out.empty());
  CHECK(got.err.starts_with("pawl: "));
  CHECK(lines_in(got.err) == 1);
}

// No control character but what separates lines and cells, no mark that turns text around, only UTF-8.
void check_harmless(const std::string& text, const std::string& allowed) {
  CAPTURE(text);
  for (const char c : text) {
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    CHECK((!control || allowed.find(c) != std::string::npos));
  }
  for (const char* const mark : {"\xc2\x9b", "\xe2\x80\xae"}) CHECK(text.find(mark) == std::string::npos);
  CHECK_NOTHROW(json(text).dump());  // throws where it is not UTF-8
}

// RFC 4180, strictly.
std::vector<std::vector<std::string>> parse_csv(const std::string& text) {
  std::vector<std::vector<std::string>> rows;
  std::size_t at = 0;
  while (at < text.size()) {
    std::vector<std::string> row;
    for (;;) {
      std::string cell;
      if (at < text.size() && text[at] == '"') {
        for (++at;; ++at) {
          REQUIRE(at < text.size());
          if (text[at] == '"' && text.compare(at, 2, "\"\"") == 0)
            ++at;
          else if (text[at] == '"')
            break;
          cell += text[at];
        }
        ++at;
      } else {
        while (at < text.size() && text[at] != ',' && text[at] != '\r' && text[at] != '\n') {
          REQUIRE(text[at] != '"');
          cell += text[at++];
        }
      }
      row.push_back(cell);
      REQUIRE(at < text.size());
      if (text[at] != ',') break;
      ++at;
    }
    REQUIRE(text.compare(at, 2, "\r\n") == 0);
    at += 2;
    rows.push_back(row);
  }
  return rows;
}

}  // namespace

TEST_CASE("status --json has the promised shape") {
  const temp_dir dir;
  make_shop(dir / "s", mixed);
  const said got = run_tool({"status", dir / "s", "--json"});
  CHECK(got.code == 0);
  CHECK(got.err.empty());
  const json status = json::parse(got.out);
  REQUIRE(status.at("workflows").size() == 1);
  CHECK(status.at("durability") == "power");
  const json& one = status["workflows"][0];
  CHECK(one.at("name") == "shop");
  CHECK(one.at("pending") == 0);
  CHECK(one.at("in_progress") == 0);
  CHECK(one.at("done") == 3);
  CHECK(one.at("failed") == 1);
  CHECK(one.at("skipped") == 1);
  REQUIRE(one.at("steps").size() == 3);
  CHECK(one["steps"][0].at("name") == "read");
  CHECK(one["steps"][0].at("completed") == 5);
  CHECK(one["steps"][2].at("completed") == 3);
}

TEST_CASE("status prints a table, and says so where nothing has run") {
  const temp_dir dir;
  make_shop(dir / "s", mixed);
  const said got = run_tool({"status", dir / "s"});
  CHECK(got.code == 0);
  for (const char* const word : {"shop", "DONE", "read", "check", "write"})
    CHECK(got.out.find(word) != std::string::npos);

  { const pawl::engine engine(dir / "empty", quiet()); }
  const said empty = run_tool({"status", dir / "empty"});
  CHECK(empty.code == 0);
  CHECK(empty.out.find("No workflow") != std::string::npos);
  CHECK(json::parse(run_tool({"status", dir / "empty", "--json"}).out).at("workflows").empty());
  CHECK(json::parse(run_tool({"ls", dir / "empty", "--json"}).out).at("items").empty());
  CHECK(json::parse(run_tool({"export", dir / "empty", "--json"}).out).empty());
  CHECK(run_tool({"export", dir / "empty", "--jsonl"}).out.empty());
  CHECK(parse_csv(run_tool({"export", dir / "empty", "--csv"}).out).size() == 1);
}

TEST_CASE("ls goes through all items page by page, by state and by prefix") {
  const temp_dir dir;
  make_shop(dir / "s", mixed);
  std::vector<std::string> seen;
  std::vector<std::string> arguments{"ls", dir / "s", "--json", "--limit", "2"};
  for (int page = 0; page < 10; ++page) {
    const json got = json::parse(run_tool(arguments).out);
    CHECK(got.at("items").size() <= 2);
    CHECK(got.at("damaged").empty());
    for (const json& item : got["items"]) seen.push_back(item.at("key"));
    if (got.at("next").is_null()) break;
    arguments.resize(5);
    arguments.insert(arguments.end(), {"--after", got["next"].get<std::string>()});
  }
  CHECK(seen == mixed);

  const json failed = json::parse(run_tool({"ls", dir / "s", "--state", "failed", "--json"}).out);
  REQUIRE(failed.at("items").size() == 1);
  CHECK(failed["items"][0].at("key") == "bad 1");
  CHECK(failed["items"][0].at("state") == "failed");
  CHECK(failed["items"][0].at("step") == "check");
  CHECK(failed["items"][0].at("error").get<std::string>().find("cannot check") != std::string::npos);
  CHECK(json::parse(run_tool({"ls", dir / "s", "--prefix", "b", "--json"}).out).at("items").size() == 2);
  CHECK(json::parse(run_tool({"ls", dir / "s", "--limit", "0", "--json"}).out).at("items").size() == 5);

  const said table = run_tool({"ls", dir / "s", "--limit", "2"});
  CHECK(table.out.find("bad 1") != std::string::npos);
  CHECK(table.out.find("--after ") != std::string::npos);
  CHECK(run_tool({"ls", dir / "s"}).out.find("--after ") == std::string::npos);
}

TEST_CASE("show tells everything of one item") {
  const temp_dir dir;
  make_shop(dir / "s", mixed);
  const json item = json::parse(run_tool({"show", dir / "s", "b", "--json"}).out);
  CHECK(item.at("state") == "done");
  CHECK(item.at("workflow") == "shop");
  REQUIRE(item.at("steps").size() == 3);
  CHECK(item["steps"][1].at("name") == "check");
  CHECK(item["steps"][1].at("attempts") == 1);
  CHECK(item["steps"][1].at("ended").get<std::string>().ends_with("Z"));
  CHECK(item["steps"][1].at("took_s").is_number());
  CHECK(item.at("result").at("value") == 1);
  CHECK(item.at("kept")[0].at("value") == json::parse(R"({"url":"b","sizes":[1,2]})"));

  const said text = run_tool({"show", dir / "s", "bad 1"});
  CHECK(text.code == 0);
  for (const char* const word : {"failed at step 'check'", "cannot check bad 1", R"({"url":"bad 1","sizes":[1,2]})"})
    CHECK(text.out.find(word) != std::string::npos);
}

TEST_CASE("--no-values keeps results and errors out of what is printed, as PAWL_NO_VALUES does") {
  const temp_dir dir;
  make_shop(dir / "s", mixed);
  const auto secret = [](const said& got) {
    CAPTURE(got.out, got.err);
    CHECK(got.code == 0);
    return got.out.find("cannot check") != std::string::npos || got.out.find("sizes\":[") != std::string::npos;
  };
  const std::vector<std::vector<std::string>> commands = {{"show", dir / "s", "bad 1"},       {"show", dir / "s", "b", "--json"},
                                                          {"show", dir / "s", "bad 1", "--json"}, {"ls", dir / "s"},
                                                          {"ls", dir / "s", "--json"},        {"export", dir / "s", "--csv"},
                                                          {"export", dir / "s", "--jsonl"},   {"export", dir / "s", "--json"}};
  for (auto command : commands) {
    CAPTURE(command);
    CHECK(secret(run_tool(command)));
    command.emplace_back("--no-values");
    CHECK_FALSE(secret(run_tool(command)));
    command.pop_back();
    REQUIRE(::setenv("PAWL_NO_VALUES", "1", 1) == 0);
    CHECK_FALSE(secret(run_tool(command)));
    REQUIRE(::unsetenv("PAWL_NO_VALUES") == 0);
  }
  const json item = json::parse(run_tool({"show", dir / "s", "b", "--json", "--no-values"}).out);
  CHECK(item.at("state") == "done");
  CHECK(item.at("result").at("value").is_null());
  CHECK(item.at("result").at("size") != 0);
}

TEST_CASE("a key is tried as text and then as an integer, unless it is said what it is") {
  const temp_dir dir;
  const auto squares = pawl::workflow<"squares">(pawl::pure<"square">([](const std::int64_t& n) { return n * n; }));
  {
    pawl::engine engine(dir / "s", quiet());
    static_cast<void>(engine.run(squares, std::vector<std::int64_t>{-3, 12, 13}));
    static_cast<void>(engine.run(shop(), std::vector<std::string>{"12", "-x"}));
  }
  const auto shown = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"show", dir / "s", "--json"});
    const said got = run_tool(arguments);
    CAPTURE(got.err);
    CHECK(got.code == 0);
    return json::parse(got.out);
  };
  CHECK(shown({"12"}).at("key_type") == "text");
  CHECK(shown({"12", "--text"}).at("key") == "12");
  CHECK(shown({"12", "--int"}).at("key") == 12);
  CHECK(shown({"13"}).at("result").at("value") == 169);
  CHECK(shown({"12", "-w", "squares"}).at("key") == 12);
  CHECK(shown({"--", "-3"}).at("key") == -3);
  CHECK(shown({"--", "-x"}).at("key") == "-x");
  CHECK(shown({"3132", "--hex"}).at("key") == "12");
  check_refused(run_tool({"show", dir / "s", "13", "--text"}), 3);
  check_refused(run_tool({"show", dir / "s", "12", "-w", "nowhere"}), 3);
  check_refused(run_tool({"show", dir / "s", "x", "--int"}), 2);
  check_refused(run_tool({"show", dir / "s", "123", "--hex"}), 2);
  check_refused(run_tool({"show", dir / "s", "12", "--int", "--text"}), 2);
}

TEST_CASE("keys of any bytes are shown harmlessly, and can be told back") {
  const temp_dir dir;
  make_shop(dir / "s", nasty);
  check_harmless(run_tool({"ls", dir / "s"}).out, "\n");
  check_harmless(run_tool({"export", dir / "s", "--csv"}).out, "\t\r\n");
  check_harmless(run_tool({"export", dir / "s", "--jsonl"}).out, "\n");
  CHECK(lines_in(run_tool({"ls", dir / "s"}).out) == nasty.size() + 1);
  CHECK(json::parse(run_tool({"export", dir / "s", "--json"}).out).size() == nasty.size());

  const said listed = run_tool({"ls", dir / "s", "--json"});
  check_harmless(listed.out, "\n");
  const json items = json::parse(listed.out).at("items");
  REQUIRE(items.size() == nasty.size());
  CHECK(items[0].at("key") == nasty[0]);
  CHECK(items[3].at("key_hex") == "fffe80");
  CHECK(json::parse(run_tool({"show", dir / "s", "--hex", "fffe80", "--json"}).out).at("id") == 3);
  for (std::size_t i = 0; i < nasty.size(); ++i) {
    CHECK(items[i].at("id") == i);
    if (nasty[i].find('\0') != std::string::npos) continue;  // no argument can hold it
    const said got = run_tool({"show", dir / "s", nasty[i]});
    CHECK(got.code == 0);
    check_harmless(got.out, "\n");
  }
  check_refused(run_tool({"show", dir / "s", "\x1b[31mnot there"}), 3);
  check_harmless(run_tool({"show", dir / "s", "\x1b[31mnot there"}).err, "\n");
}

TEST_CASE("no CSV cell can become a formula, and plain numbers stay numbers") {
  const temp_dir dir;
  const std::map<std::string, std::string> cells = {
      {"=1+1", "'=1+1"},
      {"+1+1", "'+1+1"},
      {"-1+1", "'-1+1"},
      {"@SUM(A1)", "'@SUM(A1)"},
      {"\t=1", "'\t=1"},
      {"\r=1", "'\r=1"},
      {"\n=1", "'\n=1"},
      {"  =1", "'  =1"},
      {"\xef\xbc\x9d"
       "1",
       "'\xef\xbc\x9d"
       "1"},
      {"=HYPERLINK(\"x\",\"y\")", "'=HYPERLINK(\"x\",\"y\")"},
      {"-", "'-"},
      {"-1e", "'-1e"},
      {"-1", "-1"},
      {"+1.5", "+1.5"},
      {"-2.5e-3", "-2.5e-3"},
      {"12", "12"},
      {"a=b", "a=b"},
      {"quote\"and,comma", "quote\"and,comma"},
      {"two\r\nlines", "two\r\nlines"},
  };
  std::vector<std::string> keys;
  for (const auto& [key, cell] : cells) keys.push_back(key);
  make_shop(dir / "s", keys);
  const auto rows = parse_csv(run_tool({"export", dir / "s", "--csv"}).out);
  REQUIRE(rows.size() == keys.size() + 1);
  CHECK(rows[0][1] == "key");
  for (std::size_t i = 0; i < keys.size(); ++i) {
    CAPTURE(keys[i]);
    REQUIRE(rows[i + 1].size() == rows[0].size());
    CHECK(rows[i + 1][1] == cells.at(keys[i]));
  }
}

TEST_CASE("export writes values, filters, and a file that appears whole") {
  const temp_dir dir;
  make_shop(dir / "s", mixed);
  const json all = json::parse(run_tool({"export", dir / "s", "--json"}).out);
  REQUIRE(all.size() == mixed.size());
  CHECK(all[0].at("result") == 1);
  CHECK(all[0].at("kept").at("read").at("url") == "a");

  const said lines = run_tool({"export", dir / "s", "--jsonl", "--state", "done", "-w", "shop"});
  CHECK(lines_in(lines.out) == 3);
  CHECK(json::parse(lines.out.substr(0, lines.out.find('\n'))).at("key") == "a");

  const said written = run_tool({"export", dir / "s", "--csv", "-o", dir / "all.csv"});
  CHECK(written.code == 0);
  CHECK(written.out.empty());
  CHECK(content_of_file(dir / "all.csv") == run_tool({"export", dir / "s", "--csv"}).out);
  const auto files = std::distance(std::filesystem::directory_iterator(dir.path()), {});
  CHECK(files == 2);

  check_refused(run_tool({"export", dir / "s", "--csv", "-w", "nowhere", "-o", dir / "all.csv"}), 3);
  CHECK(parse_csv(content_of_file(dir / "all.csv")).size() == mixed.size() + 1);
  check_refused(run_tool({"export", dir / "s", "--csv", "-o", dir / "no" / "where.csv"}), 1);
  check_refused(run_tool({"export", dir / "s"}), 2);
  check_refused(run_tool({"export", dir / "s", "--csv", "--json"}), 2);
}

TEST_CASE("describe prints the recorded chains, and that options are not among what is recorded") {
  const temp_dir dir;
  make_shop(dir / "s", mixed);
  const said got = run_tool({"describe", dir / "s"});
  CAPTURE(got.out, got.err);
  CHECK(got.code == 0);
  CHECK(got.out.starts_with("shop, as recorded (revision 0): 3 steps\n"));
  for (const char* part : {"input  string", "at least once", "touches nothing outside",
                           "-> record{url: string, sizes: [u32]}", "keep: ", "Options of steps are not recorded"})
    CHECK(got.out.find(part) != std::string::npos);
  CHECK(run_tool({"describe", dir / "s", "shop"}).out == got.out);
  const json chains = json::parse(run_tool({"describe", dir / "s", "--json"}).out).at("chains");
  REQUIRE(chains.size() == 1);
  CHECK(chains[0].at("workflow") == "shop");
  CHECK(chains[0].at("options_known") == false);
  CHECK(chains[0].at("steps").at(1) == json{{"name", "check"},
                                            {"kind", "pure"},
                                            {"guarantee", "touches nothing outside"},
                                            {"version", 0},
                                            {"result", "record{url: string, sizes: [u32]}"},
                                            {"keep", false}});
  check_refused(run_tool({"describe", dir / "s", "other"}), 3);
}

TEST_CASE("plan prints what the program has left, and says so where there is nothing") {
  const temp_dir dir;
  make_shop(dir / "s", mixed);
  check_refused(run_tool({"plan", dir / "s"}), 3);
  {
    const pawl::engine engine(dir / "s", quiet());
    static_cast<void>(engine.plan(shop()));
  }
  const json plans = json::parse(run_tool({"plan", dir / "s", "--json"}).out).at("plans");
  REQUIRE(plans.size() == 1);
  CHECK(plans[0].at("workflow") == "shop");
  CHECK(plans[0].at("stay") == 4);
  CHECK(plans[0].at("go_on") == 1);
  CHECK(run_tool({"plan", dir / "s", "-w", "shop"}).out.find("shop (planned at 2") == 0);
  check_refused(run_tool({"plan", dir / "s", "-w", "other"}), 3);
  std::ofstream(dir / "s" / "plan.json") << "{\"workflow\":";
  check_refused(run_tool({"plan", dir / "s"}), 4);
}

TEST_CASE("what is no state is one sentence and exit code 3") {
  const temp_dir dir;
  std::filesystem::create_directory(dir / "foreign");
  std::ofstream(dir / "foreign" / "notes.txt") << "mine";
  for (const std::string place : {dir / "missing", dir / "foreign", dir / "foreign" / "notes.txt"}) {
    check_refused(run_tool({"status", place}), 3);
    check_refused(run_tool({"status", place, "--json"}), 3);
    check_refused(run_tool({"ls", place}), 3);
    check_refused(run_tool({"show", place, "x"}), 3);
    check_refused(run_tool({"describe", place}), 3);
    check_refused(run_tool({"plan", place}), 3);
    check_refused(run_tool({"export", place, "--csv"}), 3);
  }
}

TEST_CASE("a damaged row is named, the others are printed, and the exit code tells") {
  const temp_dir dir;
  make_shop(dir / "s", mixed);
  damage_row(dir / "s", 1, 2);
  const said listed = run_tool({"ls", dir / "s", "--json"});
  CHECK(listed.code == 4);
  CHECK(lines_in(listed.err) == 1);
  const json got = json::parse(listed.out);
  CHECK(got.at("items").size() == 4);
  REQUIRE(got.at("damaged").size() == 1);
  CHECK(got["damaged"][0].at("id") == 2);

  const said exported = run_tool({"export", dir / "s", "--json"});
  CHECK(exported.code == 4);
  CHECK(json::parse(exported.out).size() == 4);
  check_refused(run_tool({"show", dir / "s", "b"}), 4);
  CHECK(run_tool({"show", dir / "s", "c"}).code == 0);
  CHECK(run_tool({"status", dir / "s"}).code == 0);
}

TEST_CASE("a value that is lost is told, and hides neither its item nor the others") {
  const temp_dir dir;
  const auto blow =
      pawl::workflow<"blow">(pawl::pure<"up">([](const std::uint32_t& size) { return std::string(size, 'x'); }));
  {
    pawl::engine engine(dir / "s", quiet());
    static_cast<void>(engine.run(blow, std::vector<std::uint32_t>{3, 5'000'000}));
  }
  CHECK(run_tool({"export", dir / "s", "--json"}).code == 0);
  for (const auto& blob : std::filesystem::directory_iterator(dir / "s" / "blobs")) std::filesystem::remove(blob);
  const said shown = run_tool({"show", dir / "s", "5000000", "--json"});
  CHECK(shown.code == 4);
  CHECK(json::parse(shown.out).at("result").at("value").is_null());
  CHECK(json::parse(shown.out).at("result").contains("problem"));
  const said exported = run_tool({"export", dir / "s", "--json"});
  CHECK(exported.code == 4);
  const json items = json::parse(exported.out);
  REQUIRE(items.size() == 2);
  CHECK(items[0].at("result") == "xxx");
  CHECK(items[1].at("result").is_null());
  CHECK(items[1].contains("result_problem"));
}

TEST_CASE("help has an example for every command, and codes for every end") {
  const said help = run_tool({"--help"});
  CHECK(help.code == 0);
  CHECK(help.err.empty());
  CHECK(help.out.find("Exit codes:") != std::string::npos);
  for (const std::string command : {"status", "ls", "show", "describe", "plan", "export"}) {
    CHECK(help.out.find("\n  " + command) != std::string::npos);
    const said own = run_tool({command, "--help"});
    CHECK(own.code == 0);
    CHECK(own.out.find("pawl " + command + " ") != std::string::npos);
    CHECK(own.out.find("Example") != std::string::npos);
  }
  const said version = run_tool({"--version"});
  CHECK(version.code == 0);
  CHECK(version.out.starts_with("pawl "));
}

TEST_CASE("a command line that cannot be understood is exit code 2") {
  const temp_dir dir;
  make_shop(dir / "s", mixed);
  check_refused(run_tool({}), 2);
  check_refused(run_tool({"stat"}), 2);
  check_refused(run_tool({"status"}), 2);
  check_refused(run_tool({"status", dir / "s", "--jason"}), 2);
  check_refused(run_tool({"status", dir / "s", "more"}), 2);
  check_refused(run_tool({"show", dir / "s"}), 2);
  check_refused(run_tool({"ls", dir / "s", "--state", "broken"}), 2);
  check_refused(run_tool({"ls", dir / "s", "--limit", "-1"}), 2);
  check_refused(run_tool({"ls", dir / "s", "--limit", "many"}), 2);
  check_refused(run_tool({"ls", dir / "s", "--after", "x"}), 1);
}

TEST_CASE("a reader that has gone is no error, a full device is one") {
  const temp_dir dir;
  make_shop(dir / "s", mixed);
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  ::close(ends[0]);
  const said gone = run_tool({"export", dir / "s", "--csv"}, ends[1]);
  ::close(ends[1]);
  CHECK(gone.code == 0);
  CHECK(gone.err.empty());

  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  REQUIRE(full >= 0);
  const said failed = run_tool({"status", dir / "s"}, full);
  ::close(full);
  CHECK(failed.code == 1);
  CHECK(failed.err.find("standard output") != std::string::npos);
}

TEST_CASE("the tool reads beside an engine that has the state open, and after it") {
  const temp_dir dir;
  pawl::engine engine(dir / "s", quiet());
  static_cast<void>(engine.run(shop(), mixed));
  CHECK(json::parse(run_tool({"status", dir / "s", "--json"}).out).at("workflows")[0].at("done") == 3);
  CHECK(run_tool({"show", dir / "s", "a"}).code == 0);
  static_cast<void>(engine.run(shop(), std::vector<std::string>{"another"}));
  CHECK(json::parse(run_tool({"status", dir / "s", "--json"}).out).at("workflows")[0].at("done") == 4);
}

TEST_CASE("rerun sets items back, and the program does them again") {
  const temp_dir dir;
  const std::string state = dir / "s";
  make_shop(state, mixed);
  const said dry = run_tool({"rerun", state, "shop", "--from", "check", "--dry-run"});
  CHECK(dry.code == 0);
  CHECK(dry.out == "shop: 5 would be set back to step 'check'\n");
  CHECK(json::parse(run_tool({"status", state, "--json"}).out)["workflows"][0].at("done") == 3);
  const said some =
      run_tool({"rerun", state, "shop", "--from", "check", "--state", "done", "--key", "a", "--key", "bad 1"});
  CHECK(some.code == 0);
  CHECK(some.err.empty());
  CHECK(some.out == "shop: 1 set back to step 'check'\n");
  json one = json::parse(run_tool({"show", state, "a", "--json"}).out);
  CHECK(one.at("state") == "in_progress");
  CHECK(one.at("generation") == 1);
  CHECK(run_tool({"rerun", state, "shop", "--from", "read"}).out == "shop: 5 set back to step 'read'\n");
  {
    pawl::engine engine(state, quiet());
    const pawl::report report = engine.resume(shop());
    CHECK(report.done == 3);
    CHECK(report.failed == 1);
    CHECK(report.skipped == 1);
  }
  one = json::parse(run_tool({"show", state, "a", "--json"}).out);
  CHECK(one.at("state") == "done");
  CHECK(one.at("generation") == 2);
}

TEST_CASE("rerun names what it cannot set back and changes nothing of it") {
  const temp_dir dir;
  const std::string state = dir / "s";
  make_shop(state, mixed);
  const said got = run_tool({"rerun", state, "shop", "--from", "write"});
  CHECK(got.code == 1);
  CHECK(lines_in(got.err) == 3);
  CHECK(got.err.find("'check'") != std::string::npos);
  CHECK(got.out == "shop: 0 set back to step 'write'; 2 not behind it; 3 left as they were\n");
  CHECK(json::parse(run_tool({"status", state, "--json"}).out)["workflows"][0].at("done") == 3);
  const said step = run_tool({"rerun", state, "shop", "--from", "wash"});
  CHECK(step.code == 3);
  CHECK(step.err.find("'read', 'check', 'write'") != std::string::npos);
  CHECK(run_tool({"rerun", state, "ship", "--from", "read"}).code == 3);
  CHECK(run_tool({"rerun", state, "shop", "--from", "read", "--key", "nobody"}).code == 3);
  CHECK(run_tool({"rerun", state, "shop"}).code == 2);
}

TEST_CASE("retry and skip: a failed item is opened again, or given up with a reason") {
  const temp_dir dir;
  const std::string state = dir / "s";
  make_shop(state, {"a", "bad 1", "bad 2"});
  CHECK(run_tool({"retry", state}).out == "shop: 2 to be tried again\n");
  CHECK(json::parse(run_tool({"show", state, "bad 1", "--json"}).out).at("state") == "in_progress");
  const said wrong = run_tool({"retry", state, "shop", "--key", "a"});
  CHECK(wrong.code == 1);
  CHECK(wrong.err.find("'a'") != std::string::npos);
  CHECK(wrong.err.find("done") != std::string::npos);

  const said skipped = run_tool({"skip", state, "shop", "bad 2", "--reason", "gone for good"});
  CHECK(skipped.code == 0);
  CHECK(skipped.out == "shop: bad 2 is skipped\n");
  const json item = json::parse(run_tool({"show", state, "bad 2", "--json"}).out);
  CHECK(item.at("state") == "skipped");
  CHECK(item.at("error") == "gone for good");
  const said done = run_tool({"skip", state, "shop", "a", "--reason", "why not"});
  CHECK(done.code == 1);
  CHECK(done.err.find("is done") != std::string::npos);
  CHECK(run_tool({"skip", state, "shop", "a"}).code == 2);
  CHECK(run_tool({"skip", state, "shop", "nobody", "--reason", "x"}).code == 3);
}

TEST_CASE("retry leaves sticky failures alone until it is told") {
  const temp_dir dir;
  const std::string state = dir / "s";
  {
    pawl::engine engine(state, quiet());
    const auto w = pawl::workflow<"w">(pawl::step<"s">([](int n) -> int {
      throw pawl::sticky_failure("no " + std::to_string(n));
    }));
    REQUIRE(engine.run(w, std::vector<int>{1, 2, 3}).failed == 3);
  }
  CHECK(run_tool({"retry", state, "w"}).out ==
        "w: 0 to be tried again; 3 sticky, which --sticky or --key opens\n");
  CHECK(run_tool({"retry", state, "w", "--key", "2"}).out == "w: 1 to be tried again\n");
  CHECK(run_tool({"retry", "--key", "1", state, "w"}).out == "w: 1 to be tried again\n");
  CHECK(run_tool({"retry", state, "--sticky"}).out == "w: 1 to be tried again\n");
  CHECK(json::parse(run_tool({"status", state, "--json"}).out)["workflows"][0].at("pending") == 3);
}

TEST_CASE("prune removes done items by age and count, and the program does them again") {
  const temp_dir dir;
  const std::string state = dir / "s";
  make_shop(state, {"a", "b", "c", "bad", "no"});
  const auto done = [&] { return json::parse(run_tool({"status", state, "--json"}).out)["workflows"][0].at("done"); };
  const said dry = run_tool({"prune", state, "shop", "--done-at-most", "1", "--dry-run"});
  CHECK(dry.code == 0);
  CHECK(dry.out == "shop: 2 of 3 done items would be removed\n");
  CHECK(done() == 3);
  CHECK(run_tool({"prune", state, "shop", "--done-for", "1.5h"}).out == "shop: 0 of 3 done items removed\n");
  const said made = run_tool({"prune", state, "shop", "--done-at-most", "1"});
  CHECK(made.code == 0);
  CHECK(made.err.empty());
  CHECK(made.out == "shop: 2 of 3 done items removed\n");
  CHECK(done() == 1);
  CHECK(run_tool({"show", state, "a"}).code == 3);
  CHECK(run_tool({"show", state, "c"}).code == 0);
  CHECK(run_tool({"show", state, "bad"}).code == 0);
  CHECK(run_tool({"show", state, "no"}).code == 0);
  {
    pawl::engine engine(state, quiet());
    const pawl::report report = engine.run(shop(), std::vector<std::string>{"a", "b", "c"});
    CHECK(report.done == 3);
    CHECK(report.settled_before == 1);
  }
  CHECK(done() == 3);
}

TEST_CASE("prune says what it does not understand, and what the clock alone says") {
  const temp_dir dir;
  const std::string state = dir / "s";
  make_shop(state, {"a"});
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  CHECK(run_tool({"prune", state, "shop", "--done-for", "0.001s"}).out ==
        "shop: 0 of 1 done items removed; 1 that the clock says are older than 0.001s are kept, for no time recorded in the "
        "state says so\n");
  CHECK(run_tool({"prune", state, "shop"}).code == 2);
  for (const std::string wrong : {"30", "d", "1y", "30 d", "-1s"}) {
    const said got = run_tool({"prune", state, "shop", "--done-for=" + wrong});
    CAPTURE(wrong, got.err);
    CHECK(got.code != 0);
    CHECK(got.out.empty());
  }
  CHECK(run_tool({"prune", state, "shop", "--done-at-most", "-1"}).code == 2);
  CHECK(run_tool({"prune", state, "ship", "--done-at-most", "0"}).code == 3);
}

TEST_CASE("what changes a state is refused beside an engine, makes none, and keeps its durability") {
  const temp_dir dir;
  const std::string state = dir / "s";
  {
    pawl::engine_options options = quiet();
    options.durability = pawl::durability::process;
    pawl::engine engine(state, options);
    static_cast<void>(engine.run(shop(), mixed));
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"rerun", state, "shop", "--from", "check"},
          {"retry", state},
          {"skip", state, "shop", "bad 1", "--reason", "x"},
          {"prune", state, "shop", "--done-at-most", "0"}}) {
      const said got = run_tool(command);
      CHECK(got.code == 1);
      CHECK(got.err.find(std::to_string(::getpid())) != std::string::npos);
    }
  }
  CHECK(run_tool({"retry", state}).code == 0);
  CHECK(json::parse(run_tool({"status", state, "--json"}).out).at("durability") == "process");
  CHECK(run_tool({"retry", dir / "t"}).code == 3);
  CHECK_FALSE(std::filesystem::exists(dir / "t"));
}
