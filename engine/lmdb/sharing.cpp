// A backend of one process among several on the same state: claims, the dead, and which chain the others run.

#include "lmdb/backend.hpp"
#include "lmdb/catalogue.hpp"
#include "lmdb/long_values.hpp"
#include "lmdb/members.hpp"
#include "store/workflows.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>

namespace pawl::core {
namespace {

constexpr std::size_t flushes_of_a_commit = 2;
constexpr std::uint64_t epoch_max = std::uint64_t{1} << 62;

// For who is about to admit a key: somebody else may have since he looked.
std::optional<item_id> item_with_key(const transaction& txn, workflow_id workflow, std::string_view key) {
  lmdb_key name;
  const bool exact = make_index_key(txn.env().salt(), workflow, key, name);
  const auto entry = txn.get(txn.env().in().index, name.bytes());
  if (!entry) return std::nullopt;
  std::vector<std::byte> room;
  for (auto ids = ids_of_index_entry(name.bytes(), *entry); !ids.empty(); ids = ids.subspan(sizeof(item_id))) {
    item_id id = 0;
    std::memcpy(&id, ids.data(), sizeof id);
    if (exact) return id;
    const item_address address = address_of(workflow, id);
    const auto row = txn.get(txn.env().in().items, item_key(address));
    if (row && peek_row_key(whole_row(txn, address, *row, room)) == key) return id;
  }
  return std::nullopt;
}

// The file that it names, if its payload is a large one.
void note_unused(std::span<const std::byte> admission, std::vector<blob_name>& into) {
  const checkpoint one = checkpoint_at(admission.data());
  if ((one.header.flags & checkpoint_flag::large) == 0) return;
  large_object named;
  std::memcpy(&named, one.payload.data(), sizeof named);
  into.push_back({named.epoch, named.number});
}

void stamp(std::span<std::byte> record, item_address address) {
  std::memcpy(record.data() + offsetof(packed_header, address), &address, sizeof address);
}

}  // namespace

bool lmdb_backend::answer(write_transaction& txn, workflow_id workflow, claim_request& request, item_id& next,
                          bool& changed) {
  bool is_new = false;
  if (request.item == not_stored) {
    const auto found = item_with_key(txn, workflow, request.key);
    request.item = found ? *found : id_for_new(std::to_string(workflow), next);
    is_new = !found;
    if (is_new) ++next;
  }
  const item_address address = address_of(workflow, request.item);
  if (!is_new && !request.admission.empty()) note_unused(request.admission, unused_);
  if (is_new) {
    stamp(request.admission, address);
    request.answer = claim_answer::admitted;
  } else {
#ifndef PAWL_CANARY
    const auto holder = claim_of(txn, address);
    if (holder && *holder != epoch_) {
      request.answer = claim_answer::elsewhere;
      return false;
    }
#endif
    request.answer = claim_answer::claimed;
    request.left_behind = is_left_behind(txn, address);
  }
  write_claim(txn, address, epoch_);
  changed = true;
  return is_new;
}

void lmdb_backend::claim(workflow_id workflow, std::span<claim_request> requests, std::span<const item_id> released) {
  guarded([&] {
    std::vector<std::span<const std::byte>> admitted;
    unused_.clear();
    folding_totals totals;
    folding_.fold_prepared(
        [&](write_transaction& txn) -> const batch* {
          const auto counters = read_counters(txn, workflow);
          if (!counters)
            throw error(errc::bad_argument, "lmdb: items of workflow " + std::to_string(workflow) +
                                                " are claimed, which the state does not know; open the workflow first");
          bool changed = false;
          for (const item_id item : released) {
            if (claim_of(txn, address_of(workflow, item)) != epoch_) continue;
            erase_claim(txn, address_of(workflow, item));
            changed = true;
          }
          item_id next = counters->next_item;
          for (claim_request& one : requests)
            if (answer(txn, workflow, one, next, changed)) admitted.push_back(one.admission);
          batch_.gather(admitted);
          return changed ? &batch_ : nullptr;
        },
        totals);
    note(totals, batch_.bytes());
    blobs_->discard(0, unused_);  // no snapshot shows them
  });
}

void lmdb_backend::release_all(workflow_id workflow) {
  guarded([&] {
    write_transaction txn(*env_);
    folding_.check_writer(txn);
    const auto mine = claims_of(txn, epoch_, workflow);
    if (mine.empty()) return;
    for (const item_address address : mine) erase_claim(txn, address);
    txn.commit("give back what a run had claimed");
    commits_.fetch_add(1, std::memory_order_relaxed);
    flushes_.fetch_add(flushes_of_a_commit, std::memory_order_relaxed);
  });
}

void lmdb_backend::begin_run() noexcept {
  if (!env_->is_own_process()) return;
  const std::scoped_lock lock(writing_);
  ++runs_;
}

void lmdb_backend::end_run() noexcept {
  if (!env_->is_own_process()) return;
  const std::scoped_lock lock(writing_);
  --runs_;
  if (failed_) give_up_seat();
}

void lmdb_backend::withdraw() noexcept {
  if (!env_->is_own_process()) return;
  const std::scoped_lock lock(writing_);
  fail({});
}

// Nothing more is written.
void lmdb_backend::fail(std::string_view why) noexcept {
  try {
    if (!failed_) why_failed_ = why;
  } catch (...) {  // without words then
  }
  failed_.store(true, std::memory_order_release);
  give_up_seat();
}

// Whoever shares the state need not wait for what this process had: to them it is dead. But until its runs have ended it
// still calls steps of its items, and an item is in one process at a time.
void lmdb_backend::give_up_seat() noexcept {
  if (shared_ && runs_ == 0) env_->lock().leave_seat(epoch_);
}

// A record of a process was written while it sat, and so never lies here without its seat taken while it lives.
std::vector<departed_process> lmdb_backend::bury_dead(const std::function<bool(std::uint64_t)>& found) {
  env_->check_process();
  std::vector<member> dead;
  for (const member& one : read_members(read_transaction(*env_)))
    if (one.number != epoch_ && !env_->lock().who_sits(one.number)) dead.push_back(one);
  std::vector<departed_process> buried;
  std::erase_if(dead, [&](const member& one) { return !found(one.number); });
  if (dead.empty()) return buried;
  guarded([&] {
    write_transaction txn(*env_);
    folding_.check_writer(txn);
    const std::vector<member> there = read_members(txn);  // another one may have been faster
    for (const member& one : dead)
      if (std::any_of(there.begin(), there.end(), [&](const member& other) { return other.number == one.number; }))
        buried.push_back({one.pid, remove_member(txn, one.number)});
    if (buried.empty()) return;
    txn.commit("take over from a dead process");
    commits_.fetch_add(1, std::memory_order_relaxed);
    flushes_.fetch_add(flushes_of_a_commit, std::memory_order_relaxed);
  });
  return buried;
}

// Nobody's seat is as far out as the file cannot be locked; a name that says so is a stranger's.
bool lmdb_backend::is_there(std::uint64_t number) const {
  return number != epoch_ && number <= epoch_max && env_->lock().who_sits(number).has_value();
}

void lmdb_backend::check_there() const {
  check_usable();
  check_member(read_transaction(*env_), epoch_);
}

void lmdb_backend::left_behind(workflow_id workflow, item_id from, std::size_t most, std::vector<item_id>& into) {
  env_->check_process();
  read_left_behind(read_transaction(*env_), workflow, from, most, into);
}

void lmdb_backend::unclaimed(workflow_id workflow, std::span<const item_id> items, std::vector<item_id>& into) {
  env_->check_process();
  const read_transaction txn(*env_);
  for (const item_id item : items)
    if (!claim_of(txn, address_of(workflow, item))) into.push_back(item);
}

// A lock and not LMDB's: others can record checkpoints while transactional steps are called.
bool lmdb_backend::keep_others_out(const std::function<bool()>& enough) {
  env_->check_process();
  if (!shared_) return true;
  if (!turns_) turns_.emplace(env_->state() / "tables.lock");
  std::optional<file_lock::held> taken = turns_->take(enough);
  if (!taken) return false;
  folding_.expect_turns(read_turns(read_transaction(*env_)));  // where that throws, others can go on
  turn_.emplace(std::move(*taken));
  return true;
}

void lmdb_backend::let_others_in() noexcept { turn_.reset(); }

// The pid of a living process that runs this workflow with another chain; 0 where there is none.
std::uint64_t lmdb_backend::use_chain(write_transaction& txn, const workflow_record& workflow, bool& changed) {
  bool noted = false;
  const std::vector<member> members = read_members(txn);
  for (const chain_use& use : read_chain_uses(txn)) {
    if (use.workflow != workflow.id) continue;
    if (use.member == epoch_) noted = use.revision == workflow.current;
    if (use.member == epoch_ || use.revision == workflow.current || !env_->lock().who_sits(use.member)) continue;
    const auto found =
        std::find_if(members.begin(), members.end(), [&](const member& one) { return one.number == use.member; });
    if (found != members.end()) return found->pid;
  }
  if (noted) return 0;
  write_chain_use(txn, {epoch_, workflow.id, workflow.current});
  changed = true;
  return 0;
}

// What it still had is left behind, as at a death.
void lmdb_backend::leave() noexcept {
  try {
    guarded([&] {
      write_transaction txn(*env_);
      remove_member(txn, epoch_);
      txn.commit("leave the state");
    });
  } catch (...) {  // then the others find its seat free
  }
}

}  // namespace pawl::core
