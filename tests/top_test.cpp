// `pawl top`, beside a process at work and behind one that died.
#include <pawl/pawl.hpp>

#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/quiet.hpp"
#include "support/run_tool.hpp"
#include "support/temp_dir.hpp"

#include <nlohmann/json.hpp>

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

using namespace pawl::test;
using nlohmann::json;

TEST_CASE("top shows from outside what is executed, and of a process that died what it was executing") {
  const temp_dir dir;
  CHECK(run_tool({"top", dir / "s", "--once"}).code == 3);
  child_process child([&](int out) {
    pawl::engine engine(dir / "s", quiet());
    static_cast<void>(engine.run(pawl::workflow<"slow">(pawl::step<"quick">([](const std::string& key) { return key; }),
                                                        pawl::step<"wait \x1b[31m">([&](const std::string&) {
                                                          say(out, "here");
                                                          ::pause();
                                                        })),
                                 std::vector<std::string>{"key \x07"}));
    return 0;
  });
  REQUIRE(child.line() == "here");
  json seen;
  const auto look = [&] { seen = json::parse(run_tool({"top", dir / "s", "--once", "--json"}).out).at("processes").at(0); };
  // Its admission is in LMDB some tenths of a second later; until then the item is a number.
  for (look(); seen.at("workers").at(0).at("key").is_null(); look()) ::usleep(10'000);
  CHECK(seen.at("pid") == child.pid());
  CHECK(seen.at("alive") == true);
  const json worker = seen.at("workers").at(0);
  CHECK(worker.at("workflow") == "slow");
  CHECK(worker.at("step").get<std::string>().starts_with("wait "));
  CHECK(worker.at("attempt") == 1);
  CHECK(worker.at("for_s").get<double>() >= 0);
  const said text = run_tool({"top", dir / "s", "--once"});
  CHECK(text.code == 0);
  CHECK(std::none_of(text.out.begin(), text.out.end(), [](char c) { return c != '\n' && static_cast<unsigned char>(c) < 0x20; }));
  CHECK(text.out.find("key \\x07") != std::string::npos);

  child.kill();
  CHECK(child.wait() == -SIGKILL);
  look();
  CHECK(seen.at("alive") == false);
  CHECK(seen.at("workers").at(0).at("step").get<std::string>().starts_with("wait "));
  { pawl::engine again(dir / "s", quiet()); }
  CHECK(run_tool({"top", dir / "s", "--once"}).out == "No process that marks what it does has this state open.\n");
}
