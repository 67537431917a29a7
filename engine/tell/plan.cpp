// The plan as text and as JSON.
#include "tell/units.hpp"

#include <pawl/plan.hpp>

#include <fmt/format.h>

#include <ostream>

namespace pawl {

using core::grouped;
using core::json_string;

std::string to_string(const plan& what) {
  std::string text = what.workflow + " (planned at " + what.made_at + "):";
  if (what.changes.empty()) text += " the chain is the one that is recorded";
  for (const std::string& change : what.changes) text += "\n  the chain changed: " + change;
  const auto line = [&](std::uint64_t count, std::string_view meaning) {
    if (count != 0) text += fmt::format("\n  {:>12} {}", grouped(count), meaning);
  };
  line(what.stay, "stay as they are");
  line(what.go_on, "go on from the step that they had reached");
  line(what.start, "start from the first step");
  line(what.redo_pure, "do some pure steps again; no effect is repeated");
  line(what.redo_effects, "repeat recorded effects");
  line(what.held, "are held: going on would repeat recorded effects");
  for (const std::string& again : what.done_again) text += "\n  done again: " + again;
  for (const report_entry& entry : what.first_held) text += fmt::format("\n    {}: {}", entry.key, entry.reason);
  return text;
}

std::ostream& operator<<(std::ostream& out, const plan& what) { return out << to_string(what); }

std::string to_json(const plan& what) {
  const auto list = [](const std::vector<std::string>& lines) {
    std::string json = "[";
    for (const std::string& one : lines) json += (json.size() > 1 ? "," : "") + json_string(one);
    return json += ']';
  };
  std::string held = "[";
  for (const report_entry& entry : what.first_held)
    held += fmt::format(R"({}{{"key":{},"step":{},"reason":{}}})", held.size() > 1 ? "," : "", json_string(entry.key),
                        json_string(entry.step), json_string(entry.reason));
  held += ']';
  return fmt::format(
      R"({{"workflow":{},"made_at":{},"changes":{},"start":{},"go_on":{},"redo_pure":{},"redo_effects":{},"held":{},"stay":{},"done_again":{},"first_held":{}}})",
      json_string(what.workflow), json_string(what.made_at), list(what.changes), what.start, what.go_on, what.redo_pure, what.redo_effects,
      what.held, what.stay, list(what.done_again), held);
}

}  // namespace pawl
