#include "flight/inquest.hpp"

#include "flight/out_of_memory.hpp"
#include "record/key.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace pawl::core {
namespace {

bool is_own_doing(const fatal_note& what) noexcept {
  return what.cause == fatal_cause::fault || what.cause == fatal_cause::exited;
}

// What the state tells of calls: names, and keys that the mark does not tell.
class call_names {
public:
  explicit call_names(backend& store) : store_(store) {}

  [[nodiscard]] std::string workflow(const flight_slot& slot) {
    const workflow_record* const found = record_of(slot);
    return found != nullptr ? found->name : "(workflow " + std::to_string(slot.workflow) + ")";
  }
  [[nodiscard]] std::string step(const flight_slot& slot) {
    if (const workflow_record* const found = record_of(slot))
      for (const chain_revision& one : found->revisions)
        if (one.id == slot.revision && slot.step < one.steps.size()) return one.steps[slot.step].name;
    return "(step " + std::to_string(slot.step + 1) + ")";
  }
  // The typed key; nothing where it is not recorded, or not under this id.
  [[nodiscard]] std::optional<std::string> key(const flight_slot& slot) {
    stored_item stored;
    try {
      if (view().load(slot.workflow, slot.item, stored)) return std::string(stored.key);
    } catch (const error&) {  // whoever takes up the item is told
    }
    return std::nullopt;
  }

private:
  snapshot& view() {
    if (!view_) {
      store_.settle();
      view_ = store_.read();
    }
    return *view_;
  }
  const workflow_record* record_of(const flight_slot& slot) {
    if (workflows_.empty()) workflows_ = store_.read()->workflows();
    const auto found = std::find_if(workflows_.begin(), workflows_.end(),
                                    [&](const workflow_record& one) { return one.id == slot.workflow; });
    return found == workflows_.end() ? nullptr : &*found;
  }

  backend& store_;
  std::unique_ptr<snapshot> view_;
  std::vector<workflow_record> workflows_;
};

std::string_view name_of(finding found) noexcept {
  switch (found) {
    case finding::nothing: return "none";
    case finding::suspected: return "suspected";
    case finding::counted: return "counted";
  }
  return "none";
}

std::string key_in(const flight_slot& slot) {
  return {reinterpret_cast<const char*>(slot.key), slot.key_size};
}

// What is noted of a call that counts, or is suspected. False where it was noted before.
bool note(const interrupted_call& call, std::uint64_t digest, const fatal_note& cause, std::uint64_t record,
          crash_counts& counts) {
  const flight_slot& slot = call.slot;
  const bool is_batch = slot.entries != 1;
  const std::optional<crash_entry> before =
      is_batch ? counts.find_batch(slot.workflow, slot.step) : counts.find(slot.workflow, digest);
  if (before && before->record == record) return false;  // a crash came between noting it and removing the record
  const bool goes_on = before && (is_batch || before->generation == slot.generation);
  crash_entry now = goes_on ? *before : crash_entry{};
  now.key_digest = is_batch ? 0 : digest;
  now.record = record;
  now.workflow = slot.workflow;
  now.generation = is_batch ? 0 : slot.generation;
  now.step = is_batch ? slot.step : std::max(now.step, slot.step);
  now.last_step = slot.step;
  now.entries = std::max(now.entries, slot.entries);
  if (call.found == finding::suspected || !is_own_doing(slot.fatal)) now.suspect = 1;
  if (call.found == finding::counted) {
    ++now.crashes;
    now.signal = cause.signal;
    now.code = cause.code;
    now.cause = cause.cause;
    now.address = cause.address;
  }
  counts.set(now);
  return true;
}

}  // namespace

inquest hold_inquest(const flight_record& record, const oom_counters& now, const boot_id& boot,
                     const std::function<bool(const flight_slot&)>& suspected) {
  inquest held;
  for (const flight_slot& slot : record.calls) held.calls.push_back({slot});
  if (record.header.boot != boot || boot == boot_id{}) {
    held.cause = "the machine was restarted";
    return held;
  }
  // A call for several items is only suspected: they are then called one by one.
  const auto blame = [](interrupted_call& call, bool certain) {
    call.found = certain && call.slot.entries == 1 ? finding::counted : finding::suspected;
  };
  for (interrupted_call& call : held.calls) {
    if (!is_own_doing(call.slot.fatal) || call.slot.fatal.call != call.slot.call) continue;
    blame(call, true);
    held.cause = text_of(call.slot.fatal);
  }
  if (!held.cause.empty()) return held;
  const bool own = is_own_doing(record.header.death);
  if (own) {
    held.cause = text_of(record.header.death) + " on a thread that was in no step";
  } else if (record.header.death.cause == fatal_cause::sent) {
    held.cause = text_of(record.header.death);
    return held;
  } else if (killed_for_memory(record.header.oom, now)) {
    held.cause = "a kill for want of memory";
  } else {
    held.cause = "a kill from outside";
    return held;
  }
  for (interrupted_call& call : held.calls) blame(call, held.calls.size() == 1 && suspected(call.slot));
  return held;
}

bool take_in(const flight_record& record, const oom_counters& now, const boot_id& boot, backend& store,
             crash_counts& counts, std::vector<std::string>& told) {
  bool noted = false;
  call_names names(store);
  // Under its id an item may be another one by now, or none: only what the handler noted, or what is recorded, tells.
  const auto digest_in = [&](const flight_slot& slot) -> std::uint64_t {
    if (slot.fatal.call == slot.call && slot.key_digest != 0) return slot.key_digest;
    const auto key = names.key(slot);
    return key ? digest_of(store.uuid(), std::as_bytes(std::span{*key})) : 0;
  };
  const inquest held = hold_inquest(record, now, boot, [&](const flight_slot& slot) {
    if (slot.entries != 1) return false;
    const auto known = counts.find(slot.workflow, digest_in(slot));
    return known && known->suspect != 0 && known->generation == slot.generation;
  });
  for (const interrupted_call& call : held.calls) {
    const flight_slot& slot = call.slot;
    const fatal_note& cause = is_own_doing(slot.fatal) && slot.fatal.call == slot.call ? slot.fatal : record.header.death;
    const std::uint64_t digest = call.found != finding::nothing && slot.entries == 1 ? digest_in(slot) : 0;
    if (call.found != finding::nothing && (digest != 0 || slot.entries != 1))
      noted |= note(call, digest, cause, record.header.number, counts);
    std::string key = slot.fatal.call == slot.call ? key_in(slot) : std::string();
    if (key.empty() && call.found != finding::nothing) key = names.key(slot).value_or("");
    const std::string item = key.empty() ? "item=" + std::to_string(slot.item) : "key=\"" + printable_key(key) + "\"";
    told.push_back("event=process_died pid=" + std::to_string(record.header.pid) + " cause=\"" + held.cause +
                   "\" workflow=" + printable(names.workflow(slot)) + " " + item + " step=" + printable(names.step(slot)) +
                   (slot.entries != 1 ? " entries=" + std::to_string(slot.entries) : std::string()) +
                   " verdict=" + std::string(name_of(call.found)));
  }
  return noted;
}

}  // namespace pawl::core
