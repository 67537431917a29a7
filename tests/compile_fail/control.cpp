#include "support.hpp"

// What must compile: every shape that the other files get wrong, done right. If this
// fails, so may they, for a reason that is none of theirs.
#include <pawl/batch.hpp>
#include <pawl/each.hpp>
#include <pawl/loop.hpp>
#include <pawl/parallel.hpp>
#include <pawl/source.hpp>

struct parser {
  page parse(const url&) const;
};
const parser shared{};

struct only_moves {
  std::unique_ptr<int> owned;
};

const auto flow =
    pawl::workflow<"flow">(
        pawl::step<"read">([](const url&, pawl::context&) { return page{}; }).retry_on<std::runtime_error>({}),
        pawl::step<"log">([](const page&) {}),
        pawl::pure<"parse">([](page, pawl::item<url>, pawl::from<"read", page>) { return record{}; }),
        pawl::step<"judge">([](const record& r) -> pawl::outcome<record> { return r; }),
        pawl::step<"generic">([](const auto& r) { return r.title; }),
        pawl::step<"view">([](std::string_view s) { return s.size(); }))
        .key(&url::text);

const auto modified = pawl::workflow<"modified">(pawl::step<"read">([](const url&) { return page{}; })
                                                     .version(2)
                                                     .migrate([](const record& old) { return page{old.title}; })
                                                     .migrate([](std::string&& old) { return page{std::move(old)}; })
                                                     .idempotent()
                                                     .rate_limit({.calls = 2}));
const auto looping = pawl::workflow<"looping", url>(
    pawl::loop<"go">([](url& u) { return u.seen ? pawl::round::done : pawl::round::again; }),
    pawl::loop<"generic">([](auto&, pawl::context&) { return pawl::round::done; }));
const auto batched = pawl::workflow<"batched">(
    pawl::batch<"read">([](pawl::batch_view<url> all) { return std::vector<page>(all.size()); }).concurrency(2),
    pawl::batch<"judge">([](const pawl::batch_view<page>& all, pawl::context&) {
      return std::vector<pawl::outcome<record>>(all.size(), record{});
    }, {.max_items = 10}).retry({}),
    pawl::batch<"write">([](pawl::batch_view<record, pawl::item<url>, pawl::from<"read", page>>) {}));
const auto row = pawl::workflow<"row">(pawl::step<"keep">([](int n) { return n; }));
const auto fanning = pawl::workflow<"fanning">(
    pawl::each<"rows">([](const url&) { return std::vector<int>{}; }, row).count_failures().retry({}).concurrency(2),
    pawl::each<"more">([](const pawl::children&, pawl::item<url>, pawl::context&) {
      return pawl::generate([]() -> std::optional<int> { return std::nullopt; });
    }, row).reproducible().collect(),
    pawl::step<"sum">([](const std::vector<int>& all) { return all.size(); }));
const auto branching = pawl::workflow<"branching">(
    pawl::parallel<"both">(pawl::step<"a">([](const url&) { return page{}; }).retry({}),
                           pawl::step<"b">([](const auto& u) { (void)u.seen; }),
                           pawl::pure<"c">([](const url&, pawl::context&) -> pawl::outcome<record> { return record{}; })),
    pawl::step<"use">([](const std::tuple<page, std::monostate, record>&) {}));
const auto members = pawl::workflow<"members">(pawl::step<"parse">(&parser::parse, &shared));
const auto moving = pawl::workflow<"moving">(pawl::step<"take">([](only_moves) {}));

const std::vector<const char*> names;
auto held = pawl::detail::hold_source<std::string>(names);
auto source = pawl::generate([]() -> std::optional<url> { return std::nullopt; });
