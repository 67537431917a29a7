// A described chain as text and as JSON.
#include "tell/units.hpp"

#include <pawl/describe.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

namespace pawl {
namespace {

using core::duration_text;
using core::grouped;
using core::json_string;

std::string or_word(const std::string& text, std::string_view otherwise) {
  return text.empty() ? std::string(otherwise) : text;
}

void add_retry(std::string& text, const description::retry& rule) {
  text += fmt::format(
      "\n       retry{}: {} attempts, the second after {}, then {:g} times as long each, at most {}, +-{:g} %",
      rule.exception.empty() ? "" : " of " + rule.exception, grouped(rule.attempts), duration_text(rule.first_delay_s),
      rule.factor, duration_text(rule.max_delay_s), rule.jitter * 100);
}

void add_options(std::string& text, const description::step& step) {
  const auto line = [&](const std::string& words) { text += "\n       " + words; };
  for (const description::skip& rule : step.skips)
    line(fmt::format("skip on {}: {} items of a run", rule.exception, grouped(rule.limit)));
  for (const description::retry& rule : step.retries) add_retry(text, rule);
  if (step.timeout_s) line("timeout: " + duration_text(*step.timeout_s));
  if (step.concurrency) line(fmt::format("concurrency: {} calls at the same time", grouped(*step.concurrency)));
  if (step.rate_limit)
    line(fmt::format("rate limit: {} calls in any {}", grouped(step.rate_limit->calls),
                     duration_text(step.rate_limit->per_s)));
  if (step.batches)
    line(fmt::format("batch: {} items a call, or those that are there after {}", grouped(step.batches->max_items),
                     duration_text(step.batches->max_delay_s)));
  for (const std::string& from : step.migrations) line("migrates: " + from);
  if (step.keep) line("keep: its result stays beside later ones");
  if (step.discard) line("discard: its result goes when the item is done");
}

std::string rule_json(const description::retry& rule) {
  return fmt::format(
      R"({{"exception":{},"attempts":{},"first_delay_s":{},"factor":{},"max_delay_s":{},"jitter":{}}})",
      rule.exception.empty() ? "null" : json_string(rule.exception), rule.attempts, rule.first_delay_s, rule.factor,
      rule.max_delay_s, rule.jitter);
}

template <class Range, class Show>
std::string list_json(const Range& range, Show show) {
  std::string json = "[";
  for (const auto& one : range) json += (json.size() > 1 ? "," : "") + show(one);
  return json += ']';
}

template <class Value>
std::string value_or_null(const std::optional<Value>& value) {
  return value ? fmt::format("{}", *value) : "null";
}

std::string text_or_null(const std::string& text) { return text.empty() ? "null" : json_string(text); }

std::string options_json(const description::step& step) {
  const auto skip_json = [](const description::skip& rule) {
    return fmt::format(R"({{"exception":{},"limit":{}}})", json_string(rule.exception), rule.limit);
  };
  const std::string rate =
      step.rate_limit ? fmt::format(R"({{"calls":{},"per_s":{}}})", step.rate_limit->calls, step.rate_limit->per_s)
                      : "null";
  const std::string batch = step.batches ? fmt::format(R"({{"max_items":{},"max_delay_s":{}}})",
                                                       step.batches->max_items, step.batches->max_delay_s)
                                         : "null";
  return fmt::format(
      R"(,"idempotent":{},"discard":{},"timeout_s":{},"concurrency":{},"rate_limit":{},"batches":{},"retries":{},)"
      R"("skips":{},"migrations":{})",
      step.idempotent, step.discard, value_or_null(step.timeout_s), value_or_null(step.concurrency), rate, batch,
      list_json(step.retries, rule_json), list_json(step.skips, skip_json), list_json(step.migrations, json_string));
}

}  // namespace

std::string to_string(const description& what) {
  std::string text = fmt::format("{}{}: {} {}", what.workflow,
                                 what.revision ? fmt::format(", as recorded (revision {})", *what.revision) : "",
                                 what.steps.size(), what.steps.size() == 1 ? "step" : "steps");
  text += "\n  key    " + what.key;
  text += "\n  input  " + or_word(what.input, "not recorded: its type has no codec");
  if (what.done_for_s || what.done_at_most)
    text += fmt::format("\n  done   items are removed{}{}{}",
                        what.done_for_s ? " after " + duration_text(*what.done_for_s) : "",
                        what.done_for_s && what.done_at_most ? ", and" : "",
                        what.done_at_most ? " down to " + grouped(*what.done_at_most) : "");
  std::size_t name_width = 0;
  std::size_t guarantee_width = 0;
  for (const description::step& step : what.steps) {
    name_width = std::max(name_width, step.name.size());
    guarantee_width = std::max(guarantee_width, step.guarantee.size());
  }
  for (std::size_t i = 0; i < what.steps.size(); ++i) {
    const description::step& step = what.steps[i];
    text += fmt::format("\n  {:>3}  {:<{}}  {}  {:<{}}  version {}  -> {}", i + 1, step.name, name_width,
                        name_of(step.kind), step.guarantee, guarantee_width, step.version,
                        or_word(step.result, "nothing"));
    add_options(text, step);
  }
  if (what.revision)
    text +=
        "\n  Options of steps are not recorded: workflow.describe() in the program tells retries, time-outs, limits,"
        "\n  migrations, and which effects are declared idempotent.";
  return text;
}

std::ostream& operator<<(std::ostream& out, const description& what) { return out << to_string(what); }

std::string to_json(const description& what) {
  const std::string steps = list_json(what.steps, [&](const description::step& step) {
    return fmt::format(R"({{"name":{},"kind":{},"guarantee":{},"version":{},"result":{},"keep":{}{}}})",
                       json_string(step.name), json_string(name_of(step.kind)), json_string(step.guarantee),
                       step.version, text_or_null(step.result), step.keep,
                       what.revision ? std::string() : options_json(step));
  });
  const std::string retention = what.revision ? std::string()
                                              : fmt::format(R"("done_for_s":{},"done_at_most":{},)",
                                                            value_or_null(what.done_for_s), value_or_null(what.done_at_most));
  return fmt::format(R"({{"workflow":{},"revision":{},"key":{},"input":{},{}"options_known":{},"steps":{}}})",
                     json_string(what.workflow), value_or_null(what.revision), json_string(what.key),
                     text_or_null(what.input), retention, !what.revision, steps);
}

}  // namespace pawl
