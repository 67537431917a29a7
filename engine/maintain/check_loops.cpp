#include "maintain/check_loops.hpp"

#include "record/key.hpp"
#include "slots/format.hpp"
#include "store/crc32c.hpp"
#include "store/large_memory.hpp"
#include "store/workflows.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <map>
#include <optional>
#include <thread>

namespace pawl::core {
namespace {

constexpr std::size_t piece_size = std::size_t{4} << 20;
// An engine may be writing it: what is not whole counts only where it stays as it is for a second.
constexpr auto stays_for = std::chrono::seconds(1);
constexpr auto pause_between_looks = std::chrono::milliseconds(50);

struct looked_at {
  std::string name;
  std::optional<slot_header> header;
  bool whole = false;
  std::string problem;
  std::uint32_t crc = 0;
};

bool is_same(const looked_at& a, const looked_at& b) {
  if (a.header.has_value() != b.header.has_value() || a.problem != b.problem || a.crc != b.crc) return false;
  return !a.header || std::memcmp(&*a.header, &*b.header, sizeof *a.header) == 0;
}

bool is_slot(const std::string& name) {
  std::uint64_t number = 0;
  std::from_chars(name.data(), name.data() + name.size(), number);
  return number != 0 && std::to_string(number) == name;
}

looked_at look_at(file_system& files, const std::filesystem::path& directory, const std::string& name) {
  looked_at one{name, {}, false, {}, 0};
  try {
    const auto from = files.open(directory / name);
    const std::uint64_t size = from->size();
    std::array<std::byte, sizeof(slot_header)> front{};
    if (size >= front.size()) from->read(0, front);
    one.header = header_of(front);
    if (!one.header) return one;
    if (size < slot_payload_at || size - slot_payload_at < one.header->size) {
      one.problem = "is cut off";
      return one;
    }
    large_memory piece(piece_size);
    std::uint32_t crc = 0;
    for (std::uint64_t at = 0; at < one.header->size; at += piece_size) {
      const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(piece_size, one.header->size - at));
      from->read(slot_payload_at + at, {piece.data(), bytes});
      crc = crc32c({piece.data(), bytes}, crc);
    }
    one.crc = crc;
    one.whole = crc == one.header->payload_crc;
    if (!one.whole) one.problem = "does not match its checksum";
  } catch (const error& failure) {
    one.problem = "cannot be read: " + cause_of(failure);
  }
  return one;
}

class loops {
public:
  loops(const std::filesystem::path& directory, const std::array<std::byte, 16>& uuid, snapshot* view, const tell_finding& tell,
        std::vector<std::string>& notes)
      : directory_(directory), uuid_(uuid), view_(view), tell_(tell), notes_(notes) {}

  void judge(const std::vector<looked_at>& all) {
    std::map<loop_identity, std::vector<const looked_at*>> by_loop;
    for (const looked_at& one : all) {
      if (one.header && one.header->uuid != uuid_)
        tell_of(one, "is a checkpoint of a loop of another state", "remove it if nobody misses it");
      else if (one.header)
        by_loop[one.header->identity].push_back(&one);
      else if (!one.problem.empty())
        tell_of(one, one.problem, "the loop goes on from its other checkpoint, or from its input");
      else
        notes_.push_back(path_of(one) + " is no whole checkpoint of a loop: a crash cut its writing off, or it is damaged; the loop goes on "
                                        "from its other one, or from its input");
    }
    for (const auto& [identity, checkpoints] : by_loop)
      if (is_needed(*checkpoints.front()->header)) judge_loop(checkpoints);
  }

private:
  void judge_loop(const std::vector<const looked_at*>& of) {
    std::uint64_t whole = 0;  // the latest
    for (const looked_at* one : of)
      if (one->whole) whole = std::max(whole, one->header->round);
    for (const looked_at* one : of) {
      if (one->whole) continue;
      if (whole == 0) tell_of(*one, one->problem, "the loop begins again from its input");
      else if (one->header->round > whole) tell_of(*one, one->problem, "the loop goes on from its checkpoint of round " + std::to_string(whole));
      else
        notes_.push_back(path_of(*one) + " (round " + std::to_string(one->header->round) + ") " + one->problem +
                         ": a crash while it was written over, or damage; the loop goes on from round " + std::to_string(whole));
    }
  }

  // Not where the item has ended or is beyond the loop: then the next run gives it free.
  [[nodiscard]] bool is_needed(const slot_header& header) const {
    try {
      stored_item item;
      if (view_ == nullptr || !view_->load(header.workflow, header.item, item)) return true;
      const bool ended = item.state == item_state::done || item.state == item_state::skipped;
      if (ended || item.generation != header.generation) return false;
      for (const workflow_record& workflow : view_->workflows())
        if (workflow.id == header.workflow)
          return item.reached <= step_in_own_revision(workflow, item, header.revision, header.step).value_or(item.reached);
      return true;
    } catch (const error&) {
      return true;
    }
  }

  [[nodiscard]] std::string path_of(const looked_at& one) const { return (directory_ / one.name).string(); }

  void tell_of(const looked_at& one, const std::string& what, const std::string& advice) {
    verify_finding found;
    found.part = "loops";
    found.sentence = "the checkpoint of a loop in " + path_of(one) + " " + what;
    found.advice = advice;
    if (one.header && view_ != nullptr) name_item(*one.header, found);
    tell_(std::move(found));
  }

  void name_item(const slot_header& header, verify_finding& found) {
    try {
      stored_item item;
      for (const workflow_record& workflow : view_->workflows()) {
        if (workflow.id != header.workflow) continue;
        found.workflow = workflow.name;
        for (const chain_revision& chain : workflow.revisions)
          if (chain.id == header.revision && header.step < chain.steps.size()) found.step = chain.steps[header.step].name;
        if (view_->load(workflow.id, header.item, item)) found.key = printable_key(item.key);
      }
    } catch (const error&) {  // that is told elsewhere
    }
  }

  const std::filesystem::path& directory_;
  const std::array<std::byte, 16>& uuid_;
  snapshot* view_;
  const tell_finding& tell_;
  std::vector<std::string>& notes_;
};

}  // namespace

std::uint64_t check_loops(file_system& files, const std::filesystem::path& state, const std::array<std::byte, 16>& uuid,
                          snapshot* view, const tell_finding& tell, std::vector<std::string>& notes) {
  const auto directory = state / "slots";
  const auto names = files.list(state);
  if (std::find(names.begin(), names.end(), "slots") == names.end()) return 0;
  std::vector<looked_at> all;
  for (const std::string& name : files.list(directory)) {
    if (!is_slot(name)) continue;
    looked_at one = look_at(files, directory, name);
    bool stays = true;
    const auto until = std::chrono::steady_clock::now() + stays_for;  // a large one is not read often
    while (!one.whole && stays && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(pause_between_looks);
      looked_at again = look_at(files, directory, name);
      stays = is_same(one, again);
      one = std::move(again);
    }
    if (!one.whole && stays && !one.header) {  // it may have been renamed or removed since it was listed
      const auto there = files.list(directory);
      stays = std::find(there.begin(), there.end(), name) != there.end();
    }
    if (one.whole || stays) all.push_back(std::move(one));
  }
  loops(directory, uuid, view, tell, notes).judge(all);
  return all.size();
}

}  // namespace pawl::core
