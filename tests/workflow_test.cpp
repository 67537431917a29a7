#include "support/catch.hpp"
#include "support/chain_driver.hpp"

#include <pawl/workflow.hpp>

#include <array>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace {

using pawl::test::chain_driver;

struct page {
  std::string url;
  std::string html;
};
struct record {
  std::string title;
  std::size_t length;
};
// Moves, and does not copy.
struct blob {
  explicit blob(std::string text) : bytes(std::make_unique<std::string>(std::move(text))) {}
  std::unique_ptr<std::string> bytes;
};

template <class In, class Out>
const pawl::detail::chain& chain_of(const pawl::workflow_of<In, Out>& workflow) {
  return *pawl::detail::chain_of(workflow);
}
template <class In, class Out>
chain_driver drive(const pawl::workflow_of<In, Out>& workflow, std::type_identity_t<In> input) {
  return chain_driver(pawl::detail::chain_of(workflow), std::move(input));
}

page read_page(const std::string& url) { return {url, "<html>" + url}; }

struct parser {
  std::string prefix;
  record parse(const page& from) const { return {prefix + from.url, from.html.size()}; }
  int count_up(const record&) { return ++calls; }
  int calls = 0;
};

}  // namespace

template <>
struct pawl::codec<blob> {
  static constexpr std::string_view name = "blob";
  static void encode(const blob& value, encoder& out) { out.write(value.bytes->data(), value.bytes->size()); }
  static blob decode(decoder& in) {
    const auto bytes = in.take(in.remaining());
    return blob(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }
};

TEST_CASE("a workflow is a table of its steps, in their order") {
  const auto crawl = pawl::workflow<"crawl">(pawl::step<"read">([](const std::string& url) {
                                               return page{url, "<html>"};
                                             }),
                                             pawl::pure<"transform">([](const page& p) {
                                               return record{p.url, p.html.size()};
                                             }),
                                             pawl::step<"write">([](const record&, pawl::context&) {}));
  STATIC_REQUIRE(std::is_same_v<decltype(crawl), const pawl::workflow_of<std::string, record>>);

  const pawl::detail::chain& chain = chain_of(crawl);
  CHECK(chain.name == "crawl");
  CHECK(crawl.name() == "crawl");
  CHECK(chain.input == &pawl::detail::value_type_of<std::string>());
  CHECK(chain.output == &pawl::detail::value_type_of<record>());
  REQUIRE(chain.steps.size() == 3);
  CHECK(chain.steps[0].name == "read");
  CHECK(chain.steps[0].kind == pawl::step_kind::effect);
  CHECK(chain.steps[0].result == &pawl::detail::value_type_of<page>());
  CHECK(chain.steps[1].kind == pawl::step_kind::pure);
  CHECK(chain.steps[2].result == nullptr);
}

TEST_CASE("an item goes through all steps") {
  std::string written;
  const auto crawl = pawl::workflow<"crawl">(pawl::step<"read">(read_page), pawl::pure<"transform">([](const page& p) {
                                               return record{p.url, p.html.size()};
                                             }),
                                             pawl::step<"write">([&](const record& r, pawl::context& ctx) {
                                               written = std::string(ctx.key()) + ":" + r.title;
                                               ctx.progress(0.5);
                                             }));
  chain_driver item = drive(crawl, "u");
  item.context.with_key("k");
  item.run();
  CHECK(written == "k:u");
  CHECK(item.last<record>().length == 7);
  CHECK(item.context.reported_progress() == 0.5);
}

TEST_CASE("a step that returns nothing passes on what arrived") {
  std::vector<std::string> seen;
  const auto flow = pawl::workflow<"flow">(pawl::step<"a">([&](const std::string& s) { seen.push_back("a" + s); }),
                                           pawl::step<"b">([&](const std::string& s) { seen.push_back("b" + s); }));
  STATIC_REQUIRE(std::is_same_v<decltype(flow)::output_type, std::string>);
  chain_driver item = drive(flow, "x");
  item.run();
  CHECK(seen == std::vector<std::string>{"ax", "bx"});
  CHECK(item.last<std::string>() == "x");
  CHECK(chain_of(flow).output == chain_of(flow).input);
}

TEST_CASE("a step that takes its value by value or rvalue consumes it, unless copying is as good") {
  const auto flow = pawl::workflow<"flow", blob>(
      pawl::step<"by value">([](blob b) { return b; }), pawl::step<"by rvalue">([](blob&& b) { return std::move(b); }),
      pawl::step<"by reference">([](const blob& b) { return static_cast<int>(b.bytes->size()); }),
      pawl::step<"small">([](int n) { return n + 1; }), pawl::step<"small rvalue">([](int&& n) { return n + 1; }),
      pawl::step<"generic">([](const auto& n) { return blob(std::to_string(n)); }),
      pawl::step<"generic by value">([](auto b) { return b; }));
  const auto& steps = chain_of(flow).steps;
  CHECK(steps[0].consumes);
  CHECK(steps[1].consumes);
  CHECK_FALSE(steps[2].consumes);
  CHECK_FALSE(steps[3].consumes);
  CHECK(steps[4].consumes);
  CHECK_FALSE(steps[5].consumes);
  CHECK(steps[6].consumes);
  chain_driver item = drive(flow, blob("abc"));
  item.run();
  CHECK(*item.last<blob>().bytes == "5");
  CHECK(item.value<blob>(0).bytes == nullptr);
}

TEST_CASE("a step may take a view of what arrives") {
  const auto flow =
      pawl::workflow<"flow">(pawl::step<"text">([](std::string_view s) { return std::vector<int>(s.size(), 2); }),
                             pawl::step<"span">([](std::span<const int> s) {
                               return std::array<int, 3>{static_cast<int>(s.size()), s[0], 9};
                             }),
                             pawl::step<"array">([](std::span<const int> s) { return s[0] + s[1] + s[2]; }));
  STATIC_REQUIRE(std::is_same_v<decltype(flow)::input_type, std::string>);
  chain_driver item = drive(flow, "abcd");
  item.run();
  CHECK(item.last<int>() == 15);
  CHECK_FALSE(chain_of(flow).steps[0].consumes);

  const auto vectors = pawl::workflow<"v">(pawl::step<"sum">([](const std::span<const int>& s) { return s.size(); }));
  STATIC_REQUIRE(std::is_same_v<decltype(vectors)::input_type, std::vector<int>>);
}

TEST_CASE("the first step tells the input, or the workflow does") {
  const auto by_value = pawl::workflow<"w">(pawl::step<"s">([](std::string s) { return s.size(); }));
  STATIC_REQUIRE(std::is_same_v<decltype(by_value)::input_type, std::string>);
  const auto by_item = pawl::workflow<"w">(pawl::step<"s">([](pawl::context&, pawl::item<page> p) { return p->url; }));
  STATIC_REQUIRE(std::is_same_v<decltype(by_item)::input_type, page>);
  const auto written = pawl::workflow<"w", int>(pawl::step<"s">([](const auto& n) { return n * 2; }));
  STATIC_REQUIRE(std::is_same_v<decltype(written), const pawl::workflow_of<int, int>>);
  chain_driver item = drive(written, 21);
  item.run();
  CHECK(item.last<int>() == 42);
}

TEST_CASE("item and from bring what lies further back, in any order") {
  const auto flow = pawl::workflow<"flow">(
      pawl::step<"read">([](const std::string& url) {
        return page{url, "html"};
      }),
      pawl::step<"count">([](const page& p) { return p.html.size(); }),
      pawl::step<"all">([](std::size_t n, pawl::context& ctx, pawl::from<"read", page> p, pawl::item<std::string> url,
                           const pawl::from<"count", std::size_t>& again) {
        return std::string(ctx.key()) + p->html + std::to_string(n + *again) + std::string(*url);
      }),
      pawl::step<"only far">([](pawl::from<"all", std::string> all, pawl::item<std::string> url) {
        const std::string& text = url;
        return *all + "/" + text;
      }));
  const auto& steps = chain_of(flow).steps;
  CHECK(steps[0].keep);
  CHECK(steps[1].keep);
  CHECK(steps[2].keep);
  CHECK_FALSE(steps[3].keep);
  CHECK(steps[2].reads == std::vector<std::uint16_t>{1, 0, 2});
  CHECK(steps[0].reads.empty());
  chain_driver item = drive(flow, "u");
  item.context.with_key("k:");
  item.run();
  CHECK(item.last<std::string>() == "k:html8u/u");
}

TEST_CASE("a step does not move from what it also looks at") {
  const auto flow =
      pawl::workflow<"flow">(pawl::step<"a">([](std::string s, pawl::item<std::string> whole) { return s + *whole; }),
                             pawl::step<"b">([](std::string s, pawl::item<std::string> whole) { return s + *whole; }));
  const std::string input(40, 'x');
  chain_driver item = drive(flow, input);
  item.run();
  CHECK(item.last<std::string>() == input + input + input);
  CHECK_FALSE(chain_of(flow).steps[0].consumes);
  CHECK(chain_of(flow).steps[1].consumes);
}

TEST_CASE("an outcome is unwrapped, and its reason arrives") {
  const auto flow = pawl::workflow<"flow">(pawl::step<"judge">([](int n) -> pawl::outcome<std::string> {
    if (n == 1) return pawl::skip("one");
    if (n == 2) return pawl::fail("two");
    if (n == 3) return pawl::fail("three", true);
    return std::to_string(n);
  }));
  STATIC_REQUIRE(std::is_same_v<decltype(flow)::output_type, std::string>);
  CHECK(chain_of(flow).steps[0].result == &pawl::detail::value_type_of<std::string>());
  const auto judge = [&](int n) {
    chain_driver item = drive(flow, n);
    const pawl::outcome_kind kind = item.step();
    return std::pair(kind, item.reason);
  };
  CHECK(judge(1) == std::pair(pawl::outcome_kind::skipped, std::string("one")));
  CHECK(judge(2) == std::pair(pawl::outcome_kind::failed, std::string("two")));
  CHECK(judge(3) == std::pair(pawl::outcome_kind::failed_sticky, std::string("three")));
  chain_driver item = drive(flow, 7);
  CHECK(item.step() == pawl::outcome_kind::value);
  CHECK(item.last<std::string>() == "7");
}

TEST_CASE("a step without a result may skip its item, too") {
  const auto flow = pawl::workflow<"flow">(pawl::step<"judge">([](const std::string& s) -> pawl::outcome<void> {
    if (s.empty()) return pawl::skip("empty");
    return {};
  }));
  CHECK(chain_of(flow).steps[0].result == nullptr);
  chain_driver good = drive(flow, "x");
  CHECK(good.step() == pawl::outcome_kind::value);
  CHECK(good.last<std::string>() == "x");
  chain_driver empty = drive(flow, "");
  CHECK(empty.step() == pawl::outcome_kind::skipped);
  CHECK(empty.reason == "empty");
}

TEST_CASE("what a step throws passes through the table") {
  const auto flow = pawl::workflow<"flow">(pawl::step<"s">([](int) -> int { throw pawl::skip_item("no"); }));
  chain_driver item = drive(flow, 1);
  CHECK_THROWS_AS(item.step(), pawl::skip_item);
}

TEST_CASE("functions of every shape are steps") {
  parser p{"t:", 0};
  const auto shared = std::make_shared<parser>(parser{"s:", 0});
  const std::function<record(const page&)> standard = [](const page& from) { return record{from.url, 1}; };
  const auto add = [](int a, const int& b) noexcept { return a + b; };
  const auto flow = pawl::workflow<"flow">(
      pawl::step<"pointer">(&read_page), pawl::pure<"member">(&parser::parse, &p),
      pawl::pure<"back">([](const record& r) {
        return page{r.title, "h"};
      }),
      pawl::pure<"shared">(&parser::parse, shared), pawl::pure<"back again">([](const record& r) {
        return page{r.title, "h"};
      }),
      pawl::pure<"std::function">(standard),
      pawl::step<"mutable object">(&parser::count_up, &p).concurrency(pawl::serial),
      pawl::pure<"bind_front">(std::bind_front(add, 10)));
  chain_driver item = drive(flow, "u");
  item.run();
  CHECK(item.value<record>(6).title == "s:t:u");
  CHECK(item.last<int>() == 11);
  CHECK(p.calls == 1);
}

TEST_CASE("bind_front tells the input as the function that it binds does") {
  const auto scale = [](double by, const double& value) { return by * value; };
  const auto free = pawl::workflow<"w">(pawl::pure<"s">(std::bind_front(scale, 2.0)));
  STATIC_REQUIRE(std::is_same_v<decltype(free)::input_type, double>);
  parser p{"t:", 0};
  const auto member = pawl::workflow<"w">(pawl::pure<"s">(std::bind_front(&parser::count_up, &p)));
  STATIC_REQUIRE(std::is_same_v<decltype(member)::input_type, record>);
}

TEST_CASE("a step can be called like the function that it is") {
  const auto parse = pawl::pure<"parse">([](const page& p) { return p.html.size(); });
  CHECK(parse(page{"u", "1234"}) == 4);
  const auto write = pawl::step<"write">(
      [](const record& r, pawl::item<page> p, pawl::context& ctx) { return r.title + p->url + ctx.idempotency_key(); });
  pawl::test_context ctx;
  ctx.with_idempotency_key("beef");
  CHECK(write(record{"t", 1}, page{"u", ""}, ctx) == "tubeef");
}

TEST_CASE("copies of a workflow share their steps and outlive each other") {
  auto flow = std::make_unique<pawl::workflow_of<int, int>>(pawl::workflow<"flow">(
      pawl::step<"s">([big = std::string(100, 'x')](int n) { return n + static_cast<int>(big.size()); })));
  const pawl::workflow_of<int, int> copy = *flow;
  CHECK(pawl::detail::chain_of(copy) == pawl::detail::chain_of(*flow));
  flow.reset();
  chain_driver item = drive(copy, 1);
  item.run();
  CHECK(item.last<int>() == 101);
}

TEST_CASE("a step may own what cannot be copied") {
  auto flow = pawl::workflow<"flow">(pawl::step<"s">([owned = std::make_unique<int>(5)](int n) { return n + *owned; }));
  chain_driver item = drive(flow, 1);
  item.run();
  CHECK(item.last<int>() == 6);
}

TEST_CASE("an input may lack a codec, and be no value that moves") {
  struct fixed {
    explicit fixed(int n) : number(n) {}
    fixed(const fixed&) = delete;
    int* unencodable = nullptr;
    int number;
  };
  const auto flow = pawl::workflow<"flow">(pawl::step<"s">([](const fixed& f) { return f.number; }));
  CHECK(chain_of(flow).input->encode == nullptr);
  CHECK(chain_of(flow).input->copy == nullptr);
}
