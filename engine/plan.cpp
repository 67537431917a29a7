#include "plan.hpp"

#include "file/file_system.hpp"
#include "left_plans.hpp"
#include "record/key.hpp"
#include "run/recorded_chain.hpp"
#include "run/verdict.hpp"
#include "tell/units.hpp"

#include <algorithm>
#include <ctime>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <unistd.h>

namespace pawl::core {
namespace {

constexpr std::size_t held_kept = 20;

std::string utc_text(std::time_t when) {
  std::tm parts{};
  ::gmtime_r(&when, &parts);
  char text[sizeof "2026-11-23T07:30:00Z"];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

void count(plan& into, verdict_kind kind) {
  switch (kind) {
    case verdict_kind::start: ++into.start; break;
    case verdict_kind::go_on: ++into.go_on; break;
    case verdict_kind::redo_pure: ++into.redo_pure; break;
    case verdict_kind::redo_effects: ++into.redo_effects; break;
    case verdict_kind::held:
    case verdict_kind::in_doubt: ++into.held; break;
    case verdict_kind::stay: ++into.stay; break;
  }
}

}  // namespace

plan make_plan(backend& store, const detail::chain& chain, const run_options& options) {
  plan made;
  made.workflow = chain.name;
  made.made_at = utc_text(std::time(nullptr));
  store.settle();
  const std::unique_ptr<snapshot> view = store.read();
  const std::vector<workflow_record> known = view->workflows();
  const auto found =
      std::find_if(known.begin(), known.end(), [&](const workflow_record& one) { return one.name == chain.name; });
  if (found == known.end()) return made;

  const workflow_record workflow = with_chain(*found, chain);  // whether or not it is recorded: nothing is written here
  const value_layout layout(chain);
  const verdict_maker verdicts(workflow, layout,
                               {.retry_failed = options.on_failed == on_failed::retry,
                                .rerun_changed = options.on_changed_chain == on_changed_chain::rerun});
  std::set<revision_id> recorded;
  std::map<std::uint16_t, std::uint64_t> again;
  view->scan(workflow.id, 0, nullptr, [&](const stored_item& item) {
    const verdict said = verdicts.decide(item, true);
    count(made, said.kind);
    recorded.insert(item.revision);
    if (said.kind == verdict_kind::redo_pure || said.kind == verdict_kind::redo_effects) ++again[said.step];
    if (!said.reason.empty() && made.first_held.size() < held_kept)
      made.first_held.push_back({printable_key(item.key),
                                 item.reached < chain.steps.size() ? chain.steps[item.reached].name : std::string{},
                                 said.reason});
    return true;
  });
  for (const revision_id one : recorded) tell_changes(verdicts.difference(one), made.changes);
  for (const auto& [step, items] : again)
    made.done_again.push_back(step < chain.steps.size()
                                  ? "step " + std::to_string(step + 1) + " '" + chain.steps[step].name +
                                        "' and what follows for " + grouped(items) + " items"
                                  : "nothing for " + grouped(items) + " items, which are done with what they have");
  return made;
}

void leave_plan(const std::filesystem::path& state, const plan& made) {
  static std::mutex one_at_a_time;  // of this process; no other one writes to the state
  const std::scoped_lock lock(one_at_a_time);
  const std::string own = "{\"workflow\":" + json_string(made.workflow) + ",";
  std::string text;
  for (const std::string& line : read_left_plans(state))
    if (!line.starts_with(own)) text += line + "\n";
  text += to_json(made) + "\n";

  file_system& files = machine_files();
  const std::filesystem::path fresh = state / (std::string(plan_file) + "." + std::to_string(::getpid()) + ".tmp");
  files.remove(fresh);
  const std::unique_ptr<file> out = files.create(fresh);
  out->write(0, std::as_bytes(std::span{text}));
  out->sync();
  files.rename(fresh, state / plan_file);
}

}  // namespace pawl::core
