// pawl top: what each worker is doing right now, from outside.
#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/text.hpp"
#include "file/boot.hpp"
#include "flight/record.hpp"
#include "inspect/typed_key.hpp"
#include "lmdb/open.hpp"
#include "run/clock.hpp"
#include "tell/units.hpp"

#include <pawl/error.hpp>

#include <CLI/CLI.hpp>

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

namespace pawl::cli {
namespace {

struct arguments {
  std::string state;
  bool json = false;
  bool once = false;
};

// A worker, with what the state says about what it executes.
struct worker_line {
  core::flight_slot slot{};
  bool busy = false;
  double for_s = 0;
  std::string workflow;
  std::string step;
  std::optional<any_key> key;  // where it is recorded
};

struct process {
  core::flight_header header{};
  bool alive = false;
  std::vector<worker_line> workers;
};

// The state's names of what a record tells by numbers. What cannot be read is told by its number.
class names {
public:
  explicit names(core::snapshot& view) : view_(view), workflows_(view.workflows()) {}

  void fill(worker_line& line) {
    const core::flight_slot& slot = line.slot;
    const auto found = std::find_if(workflows_.begin(), workflows_.end(),
                                    [&](const core::workflow_record& one) { return one.id == slot.workflow; });
    line.workflow = found != workflows_.end() ? found->name : "(workflow " + std::to_string(slot.workflow) + ")";
    if (!line.busy) return;
    line.step = "(step " + std::to_string(slot.step + 1) + ")";
    if (found != workflows_.end())
      for (const core::chain_revision& one : found->revisions)
        if (one.id == slot.revision && slot.step < one.steps.size()) line.step = one.steps[slot.step].name;
    try {
      core::stored_item stored;
      if (view_.load(slot.workflow, slot.item, stored)) line.key = core::key_of(stored.key);
    } catch (const error&) {  // damaged: it has its number
    }
  }

private:
  core::snapshot& view_;
  const std::vector<core::workflow_record> workflows_;
};

bool is_alive(const core::flight_header& header) {
  if (header.boot != core::this_boot()) return false;
  return ::kill(static_cast<pid_t>(header.pid), 0) == 0 || errno == EPERM;
}

std::vector<process> look(const std::filesystem::path& directory, core::backend& store) {
  const std::unique_ptr<core::snapshot> view = store.read();
  names known(*view);
  std::vector<process> all;
  const std::uint64_t now_ns = core::system_clock().now_ns();
  for (const std::uint64_t number : core::flight_numbers(directory)) {
    std::string problem;
    const auto record = core::read_flight(directory, number, store.uuid(), problem);
    if (!problem.empty()) complain(problem);
    if (!record) continue;
    process& one = all.emplace_back();
    one.header = record->header;
    one.alive = is_alive(record->header);
    for (const core::flight_slot& slot : record->workers) {
      worker_line& line = one.workers.emplace_back();
      line.slot = slot;
      line.busy = (slot.call & 1) != 0;
      if (line.busy && one.alive && now_ns > slot.began_ns) line.for_s = static_cast<double>(now_ns - slot.began_ns) * 1e-9;
      known.fill(line);
    }
    std::sort(one.workers.begin(), one.workers.end(), [](const worker_line& a, const worker_line& b) {
      return std::tie(a.workflow, a.slot.worker) < std::tie(b.workflow, b.slot.worker);
    });
  }
  return all;
}

std::string item_text(const worker_line& line) {
  std::string text = line.key ? key_text(*line.key) : "(item " + std::to_string(line.slot.item) + ")";
  if (line.slot.entries != 1) text += " and " + core::grouped(line.slot.entries - 1) + " more";
  return shortened(std::move(text), 60);
}

std::string as_text(const std::vector<process>& all) {
  using enum table::side;
  if (all.empty()) return "No process that marks what it does has this state open.\n";
  std::string text;
  for (const process& one : all) {
    text += "Process " + std::to_string(one.header.pid) + (one.alive ? ":\n" : ", which died:\n");
    table lines({{"WORKER", right}, {"THREAD", right}, {"WORKFLOW", left}, {"STEP", left}, {"FOR", right}, {"ITEM", left}});
    for (const worker_line& line : one.workers)
      lines.add({std::to_string(line.slot.worker), std::to_string(line.slot.thread), escaped(line.workflow),
                 line.busy ? escaped(line.step) : "-", line.busy && one.alive ? core::duration_text(line.for_s) : "-",
                 line.busy ? item_text(line) : "-"});
    text += one.workers.empty() ? "  no run is under way\n" : lines.to_string("  ");
  }
  return text;
}

std::string json_worker(const worker_line& line, bool alive) {
  json_object object;
  object.number("worker", line.slot.worker).number("thread", line.slot.thread).text("workflow", line.workflow);
  if (!line.busy) return object.raw("step", "null").end();
  object.text("step", line.step)
      .raw("key", line.key ? json_key(*line.key) : "null")
      .number("item", line.slot.item)
      .number("items", line.slot.entries)
      .number("attempt", line.slot.attempt);
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%.6f", line.for_s);
  return object.raw("for_s", alive ? seconds : "null").end();
}

std::string as_json(const std::vector<process>& all) {
  return json_object()
             .raw("processes", json_array(all, [](const process& one) {
                    return json_object()
                        .number("pid", one.header.pid)
                        .truth("alive", one.alive)
                        .raw("workers", json_array(one.workers, [&](const worker_line& line) {
                               return json_worker(line, one.alive);
                             }))
                        .end();
                  }))
             .end() +
         "\n";
}

int top(const arguments& given) {
  const std::unique_ptr<core::backend> store = core::open_lmdb_reader(given.state);
  const auto directory = std::filesystem::path(given.state) / "flight";
  for (;;) {
    const std::vector<process> all = look(directory, *store);
    output out;
    if (!given.once && !given.json && out.colours()) out << "\x1b[H\x1b[2J";
    out << (given.json ? as_json(all) : as_text(all));
    out.finish();
    if (given.once) return exit_ok;
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}

}  // namespace

void add_top(CLI::App& tool, std::function<int()>& chosen) {
  const auto given = std::make_shared<arguments>();
  CLI::App* const command = tool.add_subcommand("top", "What each worker is doing, every second");
  add_state_directory(*command, given->state);
  add_json_flag(*command, given->json);
  command->add_flag("--once", given->once, "Only once");
  command->footer(
      "Example:\n  pawl top crawl.pawl\n\n"
      "Reads the flight record of each process that has the state open and takes nothing from it. Of a process\n"
      "that died it shows what it was executing, until the state is opened again or another one takes over. An\n"
      "item that is not in LMDB yet (for some tenths of a second after its admission) is told by its number.\n"
      "With --json a line a look:\n"
      "  {\"processes\":[{\"pid\":17,\"alive\":true,\"workers\":[{\"worker\":0,\"thread\":18,\"workflow\":\"crawl\",\n"
      "    \"step\":\"read\",\"key\":\"a\",\"item\":5,\"items\":1,\"attempt\":1,\"for_s\":0.250000},...]}]}\n"
      "An idle worker's step is null.");
  command->callback([given, &chosen] { chosen = [given] { return top(*given); }; });
}

}  // namespace pawl::cli
