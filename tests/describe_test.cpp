// What a chain says of itself, in the program and from outside.
#include "support/catch.hpp"
#include "support/quiet.hpp"
#include "support/temp_dir.hpp"

#include <pawl/inspect.hpp>
#include <pawl/pawl.hpp>

#include <nlohmann/json.hpp>

#include <new>
#include <sstream>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using Catch::Contains;
using nlohmann::json;
using pawl::test::quiet;
using pawl::test::temp_dir;

namespace {

struct old_page {
  std::string url;
};
struct page {
  std::string url;
  std::string html;
};
struct order {
  int id = 0;
  std::string item;
};

}  // namespace

TEST_CASE("a description has every step with its guarantee, version, result and options") {
  const auto chain = pawl::workflow<"crawl">(
      pawl::step<"read">([](const std::string& url) { return page{url, {}}; })
          .version(2)
          .migrate([](const old_page& old) { return page{old.url, "?"}; })
          .retry({.attempts = 5, .first_delay = 200ms})
          .retry_on<std::bad_alloc>({.attempts = 2})
          .skip_on<std::domain_error>(10)
          .timeout(1500ms)
          .concurrency(4)
          .rate_limit({.calls = 100, .per = 2s})
          .keep(),
      pawl::pure<"parse">([](const page& p) { return p.html.size(); }), pawl::step<"log">([](std::size_t) {}),
      pawl::step<"write">([](std::size_t n) { return n; }).idempotent().discard());
  const pawl::description said = chain.describe();
  CHECK(said.workflow == "crawl");
  CHECK(said.input == "string");
  CHECK(said.key == "the input itself");
  CHECK_FALSE(said.revision.has_value());
  REQUIRE(said.steps.size() == 4);

  const auto& read = said.steps[0];
  CHECK(read.name == "read");
  CHECK(read.kind == pawl::step_kind::effect);
  CHECK(read.guarantee == "at least once");
  CHECK(read.version == 2);
  CHECK(read.result == "record{url: string, html: string}");
  CHECK(read.migrations == std::vector<std::string>{"record{url: string}"});
  REQUIRE(read.retries.size() == 2);
  CHECK_THAT(read.retries[0].exception, Contains("bad_alloc"));
  CHECK(read.retries[0].attempts == 2);
  CHECK(read.retries[1].exception.empty());
  CHECK(read.retries[1].first_delay_s == Approx(0.2));
  REQUIRE(read.skips.size() == 1);
  CHECK_THAT(read.skips[0].exception, Contains("domain_error"));
  CHECK(read.skips[0].limit == 10);
  CHECK(read.timeout_s == 1.5);
  CHECK(read.concurrency == 4u);
  REQUIRE(read.rate_limit.has_value());
  CHECK(read.rate_limit->calls == 100);
  CHECK(read.rate_limit->per_s == 2);
  CHECK(read.keep);
  CHECK_FALSE(read.idempotent);

  CHECK(said.steps[1].guarantee == "touches nothing outside");
  CHECK_FALSE(said.steps[1].timeout_s.has_value());
  CHECK(said.steps[2].result.empty());
  CHECK(said.steps[3].guarantee == "at least once; a repeated effect is declared harmless");
  CHECK(said.steps[3].idempotent);
  CHECK(said.steps[3].discard);

  std::ostringstream text;
  text << said;
  CHECK(text.str() == to_string(said));
  for (const char* line :
       {"crawl: 4 steps", "key    the input itself", "input  string", "version 2  -> record{url: string, html: string}",
        "retry of std::bad_alloc: 2 attempts", "retry: 5 attempts, the second after 200 ms, then 2 times as long each",
        "skip on std::domain_error: 10 items of a run", "timeout: 1.5 s", "concurrency: 4 calls at the same time",
        "rate limit: 100 calls in any 2 s", "migrates: record{url: string}", "keep: ", "discard: ", "-> nothing"})
    CHECK_THAT(text.str(), Contains(line));
  CHECK_THAT(text.str(), !Contains("not recorded"));

  const json parsed = json::parse(to_json(said));
  CHECK(parsed.at("options_known") == true);
  CHECK(parsed.at("revision").is_null());
  const json& first = parsed.at("steps").at(0);
  CHECK(first.at("rate_limit") == json{{"calls", 100}, {"per_s", 2}});
  CHECK(first.at("retries").at(1).at("exception").is_null());
  CHECK(first.at("migrations") == json::array({"record{url: string}"}));
  CHECK(parsed.at("steps").at(1).at("kind") == "pure");
  CHECK(parsed.at("steps").at(1).at("timeout_s").is_null());
  CHECK(parsed.at("steps").at(2).at("result").is_null());
  CHECK(parsed.at("steps").at(3).at("idempotent") == true);
}

TEST_CASE("a description says what an item is called") {
  const auto plain = pawl::workflow<"w">(pawl::step<"s">([](const order& one) { return one.id; }));
  CHECK_THAT(plain.describe().key, Contains("none yet"));
  CHECK_THAT(plain.key(&order::id).describe().key, Contains(".key(projection)"));
  CHECK(plain.describe().input == "record{id: i32, item: string}");
}

TEST_CASE("a result that a later step asks for is kept, and the description says so") {
  const auto chain = pawl::workflow<"w">(
      pawl::step<"a">([](int n) { return n; }), pawl::step<"b">([](int n) { return n; }),
      pawl::step<"c">([](int n, const pawl::from<"a", int>& first) { return n + *first; }));
  CHECK(chain.describe().steps.at(0).keep);
  CHECK_FALSE(chain.describe().steps.at(1).keep);
}

TEST_CASE("declaring an effect idempotent changes nothing of what is recorded") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  const auto plain = pawl::workflow<"w">(pawl::step<"s">([](int n) { return n; }));
  const auto declared = pawl::workflow<"w">(pawl::step<"s">([](int n) { return n; }).idempotent());
  CHECK(engine.run(plain, std::vector<int>{1, 2}).done == 2);
  const pawl::report again = engine.run(declared, std::vector<int>{1, 2});
  CHECK(again.settled_before == 2);
  CHECK(again.changes.empty());
}

TEST_CASE("from outside the recorded revisions are described, without options") {
  const temp_dir dir;
  {
    pawl::engine engine(dir / "state", quiet());
    const auto first =
        pawl::workflow<"crawl">(pawl::step<"read">([](const std::string& url) { return old_page{url}; }));
    const auto second = pawl::workflow<"crawl">(
        pawl::step<"read">([](const std::string& url) { return page{url, {}}; }).version(1).keep().retry({}),
        pawl::pure<"parse">([](const page&) {}));
    engine.run(first, std::vector<std::string>{"a"});
    engine.run(second, std::vector<std::string>{"a"});
    const auto other = pawl::workflow<"other">(pawl::step<"s">([](const order&) {})).key(&order::id);
    engine.run(other, std::vector<order>{{1, "x"}});
  }
  const pawl::state_view state(dir / "state");
  const auto all = state.describe();
  REQUIRE(all.size() == 3);
  CHECK(all[0].workflow == "crawl");
  CHECK(all[0].revision == std::uint16_t{0});
  CHECK(all[0].key == "the input itself");
  CHECK(all[0].input == "string");
  REQUIRE(all[1].steps.size() == 2);
  CHECK(all[1].revision == std::uint16_t{1});
  CHECK(all[1].steps[0].version == 1);
  CHECK(all[1].steps[0].keep);
  CHECK(all[1].steps[0].result == "record{url: string, html: string}");
  CHECK(all[1].steps[0].retries.empty());
  CHECK(all[1].steps[1].kind == pawl::step_kind::pure);
  CHECK(all[1].steps[1].guarantee == "touches nothing outside");
  CHECK(all[2].input == "record{id: i32, item: string}");
  CHECK_THAT(all[2].key, Contains("not recorded"));
  CHECK(state.describe("other").size() == 1);
  CHECK_THROWS_AS(static_cast<void>(state.describe("nobody")), pawl::error);

  CHECK_THAT(to_string(all[1]),
             Contains("crawl, as recorded (revision 1): 2 steps") && Contains("Options of steps are not recorded"));
  const json parsed = json::parse(to_json(all[1]));
  CHECK(parsed.at("revision") == 1);
  CHECK(parsed.at("options_known") == false);
  CHECK_FALSE(parsed.at("steps").at(0).contains("retries"));
  CHECK(parsed.at("steps").at(0).at("keep") == true);
}
