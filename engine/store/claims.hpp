// Where several processes share the storage: whose an item is.
//
// An item that a process works on is *claimed* by it. A claim is as durable as the checkpoints: it is made in the commit
// that admits the item or takes it up, checked in every commit that records something of it, and goes in the one that
// records its end. Claims of a process that died are set free by any other: its items are then *left behind* until
// somebody claims them.
#pragma once

#include "record/checkpoint.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

namespace pawl::core {

inline constexpr item_id not_stored = std::numeric_limits<item_id>::max();

enum class claim_answer : std::uint8_t {
  admitted,   // it was not stored: `admission` is recorded, and the item is the caller's
  claimed,    // it is stored, and the caller's now; it may have ended since the caller looked
  elsewhere,  // it is another process's
};

struct claim_request {
  item_id item = not_stored;           // where the caller knows it; else the answer says it
  std::string_view key;                // typed; where the item is not known
  std::span<std::byte> admission;      // a whole checkpoint, `admitted`, of no item yet; where the item is not known
  claim_answer answer = claim_answer::elsewhere;
  bool left_behind = false;            // answer: the last process that had it died
};

struct departed_process {
  std::uint64_t pid = 0;
  std::size_t items = 0;               // that it had claimed
};

class claim_store {
public:
  virtual ~claim_store() = default;
  // Gives back the claims on `released`, and answers each request; keys and items differ from each other. One commit, or
  // none where nothing changes: recorded durably when it returns. Any thread; not beside a commit of the same thread. Throws as
  // backend::commit.
  virtual void claim(workflow_id workflow, std::span<claim_request> requests, std::span<const item_id> released) = 0;
  // Gives back all that this process has claimed of the workflow: no run of it is under way any more. Any thread.
  virtual void release_all(workflow_id workflow) = 0;
  // A run of this process begins, or has ended: none of its steps is being called any more. Any thread.
  virtual void begin_run() noexcept = 0;
  virtual void end_run() noexcept = 0;
  // This process records nothing more, and counts as dead as soon as no run of it is under way: others take over what it
  // had. The same where a commit fails and leaves open what is on the disk. Any thread.
  virtual void withdraw() noexcept = 0;
  // Sets the claims of dead processes free; before that, `found` gets the number of each, and says whether it may be done
  // now. Any thread.
  [[nodiscard]] virtual std::vector<departed_process> bury_dead(const std::function<bool(std::uint64_t number)>& found) = 0;
  // Whoever waits for another process, in whatever process, looks whether he still has to: one that was stopped or killed
  // may have let him sleep. Any thread, at any time, in no time.
  virtual void wake_who_waits() noexcept = 0;
  // The number by which this process is known here; it was nobody's before and will be nobody's again.
  [[nodiscard]] virtual std::uint64_t own_number() const noexcept = 0;
  // Whether another process of this number lives. Any thread.
  [[nodiscard]] virtual bool is_there(std::uint64_t number) const = 0;
  // Throws pawl::error where this process has been taken for dead, or has withdrawn: what it has claimed may be somebody
  // else's. For whoever writes beside the storage. Any thread.
  virtual void check_there() const = 0;
  // Items of the workflow that the dead left behind, ids ascending from `from` on, `most` at most. Any thread.
  virtual void left_behind(workflow_id workflow, item_id from, std::size_t most, std::vector<item_id>& into) = 0;
  // Those of `items` that nobody else has claimed. (Own claims that were given back do not count any more.) Any thread.
  virtual void unclaimed(workflow_id workflow, std::span<const item_id> items, std::vector<item_id>& into) = 0;
};

}  // namespace pawl::core
