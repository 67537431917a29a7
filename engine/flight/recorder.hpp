// The flight recorder of an engine: the file in which its workers mark what they execute, what is known of items that
// earlier processes died in, and the turn to be alone.
//
// What dead processes left is taken in (flight/inquest.hpp) before this one's record is made: all that lies there where the
// state belongs to this process alone. Where several share it, each has a record of its own, by the number that the state
// knows it by, and whoever finds a process dead takes its record in before anybody may take up its items. What is known of
// crashes is common to all of them.
//
// Where the file cannot be had the engine works without: a warning says so.
#pragma once

#include "file/file_system.hpp"
#include "flight/crash_counts.hpp"
#include "flight/crash_handlers.hpp"
#include "flight/format.hpp"
#include "store/backend.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pawl::core {

struct flight_options {
  std::filesystem::path directory;
  std::size_t slots = 64;          // calls at the same time; more are not marked
  bool handlers = true;            // fatal signals are noted
  std::uint32_t max_crashes = 3;   // 0: no item is ever failed for it
};

// The processes that share a state, as far as a recorder asks for them.
struct flight_company {
  std::uint64_t own = 0;                           // the number that this one is known by, nobody else's ever
  std::function<bool(std::uint64_t)> is_there;     // whether another one lives
};

class flight_recorder {
public:
  // `warnings` gets a sentence for each thing that could not be used, `told` a line for the log about each call that a
  // dead process was in. `company`: null where this process has the state alone.
  flight_recorder(file_system& files, const flight_options& options, backend& store, const flight_company* company,
                  std::vector<std::string>& warnings, std::vector<std::string>& told);
  // In good order: its record goes. In the child of a fork nothing is touched.
  ~flight_recorder();
  flight_recorder(const flight_recorder&) = delete;
  flight_recorder& operator=(const flight_recorder&) = delete;

  // Of marks.
  [[nodiscard]] flight_slot* take_slot();  // null: there is none left
  void give_back(flight_slot* slot) noexcept;
  [[nodiscard]] const std::atomic<std::uint64_t>& alone_until() const noexcept { return alone_until_; }
  [[nodiscard]] const hash_key& uuid() const noexcept { return uuid_; }
  void note_death(const fatal_note& what) noexcept;
  [[nodiscard]] bool handles_signals() const noexcept { return handlers_ != nullptr; }

  // The process that shares the state and has this number is dead: what follows from its record, durably, as far as it can
  // be had. False where that could not be done now. Any thread.
  [[nodiscard]] bool take_in_dead(std::uint64_t number, std::vector<std::string>& told);
  // Kills for want of memory until now were other processes'. One thread at a time.
  void renew_memory_kills() noexcept;
  // Takes in what other processes know by now.
  void refresh() noexcept;

  // What is known of crashes. Any thread.
  [[nodiscard]] bool knows_any() const noexcept { return counts_ && counts_->any(); }
  [[nodiscard]] std::optional<crash_entry> known(workflow_id workflow, std::string_view typed_key) const;
  [[nodiscard]] bool too_many(const crash_entry& entry) const noexcept {
    return options_.max_crashes != 0 && entry.crashes >= options_.max_crashes;
  }
  // Calls of the step for several items are to be made for one at a time, so many. Where several processes share the state
  // it is those that a dead one had instead, whoever has them now.
  [[nodiscard]] std::uint32_t calls_singly(workflow_id workflow, std::uint16_t step) const;
  [[nodiscard]] bool calls_left_behind_singly(workflow_id workflow) const;
  void called_singly(workflow_id workflow, std::uint16_t step, std::uint32_t entries);
  // The item has got on: it completed `step`, or a round of it is checkpointed.
  void progressed(workflow_id workflow, std::string_view typed_key, std::uint16_t step);
  // It has ended, or failed for it, and that is recorded.
  void forget(workflow_id workflow, std::string_view typed_key);
  // Sticky failures are opened again.
  void forgive(workflow_id workflow);

  // The turn of a suspect to be called alone: waits until nobody else is in a call, and nobody enters one until the turn
  // is given back. Both for a bounded time, for a step may wait for another one: then it is called beside others. `enough`
  // ends the wait. Returns what ends the turn; 0: somebody else has it for so long, or `enough` said so.
  [[nodiscard]] std::uint64_t take_turn(const flight_slot* own, const std::function<bool()>& enough);
  void end_turn(std::uint64_t turn) noexcept { alone_until_.compare_exchange_strong(turn, 0); }
  // Waits while somebody else has the turn.
  void wait_for_turn(const std::function<bool()>& enough) const;

private:
  void prepare_directory();
  void take_in_records(const std::vector<std::uint64_t>& numbers, std::vector<std::string>& warnings,
                       std::vector<std::string>& told, std::chrono::milliseconds within);
  void make_record();
  template <class Change>
  void change_counts(const Change& change) noexcept;
  [[nodiscard]] bool others_are_calling(const flight_slot* own) const noexcept;
  [[nodiscard]] std::uint64_t digest(std::string_view typed_key) const noexcept;

  file_system& files_;
  const flight_options options_;
  backend& store_;
  const hash_key uuid_;
  const std::uint64_t process_;   // file/fork.hpp
  const bool shared_;
  std::optional<crash_counts> counts_;
  std::uint64_t number_ = 0;      // of its record
  std::unique_ptr<file> bytes_;
  flight_header* header_ = nullptr;   // mapped; null where it could not be had
  flight_slot* slots_ = nullptr;
  std::mutex mutex_;
  std::vector<flight_slot*> free_;
  std::atomic<std::uint64_t> alone_until_{0};  // monotonic clock, ns; 0: nobody has the turn
  std::unique_ptr<crash_handlers> handlers_;
};

}  // namespace pawl::core
