// pawl::backup: data.mdb as a snapshot sees it, what the journal holds beyond it, the files that these name, and the checkpoints
// of loops, as a new state.
#include <pawl/maintain.hpp>

#include "lmdb/backend.hpp"
#include "lmdb/copy_trees.hpp"
#include "lmdb/snapshot.hpp"
#include "lmdb/state_directory.hpp"
#include "maintain/existing_state.hpp"
#include "maintain/log_copy.hpp"
#include "record/hash.hpp"
#include "slots/format.hpp"
#include "store/crc32c.hpp"
#include "store/large_memory.hpp"
#include "store/workflows.hpp"

#include <pawl/error.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>

namespace pawl {
namespace core {
namespace {

constexpr std::size_t piece_size = std::size_t{4} << 20;
constexpr int tries_max = 20;
constexpr int slot_tries_max = 5;
constexpr auto pause_before_another = std::chrono::milliseconds(10);

class state_copier {
public:
  state_copier(const std::filesystem::path& state, const tell_maintain& progress)
      : state_(state), progress_(progress), store_(open_lmdb_to_read(state, nullptr)) {
    take_moment();
  }

  void fill(const std::filesystem::path& fresh) {
    files().make_directory(fresh / "blobs");
    prepare_file(fresh / "owner", 0);
    copy_plan plan;
    plan.identity = {new_uuid(), store_->env()->salt()};
    plan.progress = progress_;
    copy_trees(view_->txn(), fresh, plan);
    copy_files(fresh);
    fold_log(fresh);
    copy_loops(fresh, plan.identity->uuid);
    check(fresh);
  }

  [[nodiscard]] const backup_report& made() const noexcept { return made_; }

private:
  static file_system& files() { return machine_files(); }

  void take_moment() {
    for (int tries = 1;; ++tries) {
      const auto directory = state_ / "journal";
      const journal_mark before = lmdb_snapshot(store_->env(), store_->blobs()).mark();
      const lsn seen = before.drained ? 0 : end_of_log_now(files(), directory, store_->uuid());
      view_ = std::make_unique<lmdb_snapshot>(store_->env(), store_->blobs());
      // What the snapshot has of the log it has whole, though that may have grown since.
      const lsn end = std::max(seen, view_->mark().durable);
      try {
        if (auto copy = copy_log(files(), directory, store_->uuid(), view_->mark(), end)) {
          log_ = std::move(*copy);
          made_.journaled = log_.bytes();
          return;
        }
      } catch (const error& failure) {
        // The owner may have written while this read; then it is something else the next time.
        if (tries == tries_max || (failure.code() != errc::damaged && failure.code() != errc::io)) throw;
      }
      if (tries == tries_max)
        throw error(errc::state_in_use, "backup: the journal in " + directory.string() +
                                            " changes faster than it can be read; try again, or when less is going on");
      std::this_thread::sleep_for(pause_before_another);
    }
  }

  // Those that the snapshot's items name, and those that records of the journal name.
  void copy_files(const std::filesystem::path& fresh) {
    std::set<std::pair<std::uint64_t, std::uint64_t>> named;
    for (const auto group : log_.groups())
      for (std::size_t at = 0; at < group.size();) {
        const auto place = place_of_record(group.data() + at, group.size() - at);
        if (!place) throw error(errc::damaged, "backup: a record of the journal in " + state_.string() + " is malformed; run `pawl verify` on it");
        const checkpoint one = checkpoint_at(group.data() + at);
        large_object object;
        if ((one.header.flags & checkpoint_flag::large) != 0 && one.payload.size() == sizeof object) {
          std::memcpy(&object, one.payload.data(), sizeof object);
          named.emplace(object.epoch, object.number);
        }
        at += place->size;
      }
    read_cursor cursor(view_->txn(), view_->txn().env().in().files);
    std::span<const std::byte> key;
    std::span<const std::byte> value;
    for (bool there = cursor.move(MDB_FIRST, key, value); there; there = cursor.move(MDB_NEXT, key, value)) {
      if (key.size() != 16) throw error(errc::damaged, "backup: the list of files is damaged; run `pawl verify` on the state");
      const std::pair<std::uint64_t, std::uint64_t> name{read_big_endian(key.first(8)), read_big_endian(key.subspan(8))};
      named.erase(name);
      copy_file_of(name, fresh, true);
    }
    // A record that a later one has superseded may name a file that is gone.
    for (const auto& name : named) copy_file_of(name, fresh, false);
    files().sync_directory(fresh / "blobs");
  }

  void copy_file_of(std::pair<std::uint64_t, std::uint64_t> named, const std::filesystem::path& fresh, bool must_be_there) {
    const std::string name = file_name_of({named.first, named.second});
    const auto path = state_ / "blobs" / name;
    std::error_code failed;
    if (!must_be_there && !std::filesystem::exists(path, failed)) return;
    const auto from = files().open(path);
    const auto into = files().create(fresh / "blobs" / name);
    const std::uint64_t size = from->size();
    // A file of a state from elsewhere may claim to be huge: its holes are not filled.
    for (std::uint64_t at = from->skip_hole(0); at < size; at = from->skip_hole(at + piece_size)) {
      const std::span<std::byte> piece{piece_.data(), static_cast<std::size_t>(std::min<std::uint64_t>(piece_size, size - at))};
      from->read(at, piece);
      into->write(at, piece);
    }
    into->sync();
    ++made_.files;
    if (progress_) progress_({"files", made_.files, 0});
  }

  // By what folds a journal in: rows, index, counters and files come to be what they would have come to be.
  void fold_log(const std::filesystem::path& fresh) {
    if (log_.frames.empty()) return;
    lmdb_options options;
    options.create = false;
    options.kept = keeping::journaled;  // records name files of earlier epochs
    options.own_thread = false;
    const std::unique_ptr<lmdb_backend> copy = open_lmdb_to_write(fresh, options);
    const auto groups = log_.groups();
    static_cast<void>(copy->fold(groups, 0, 0, false));
    copy->mark_drained(0);
    copy->collect_blobs();
  }

  void copy_loops(const std::filesystem::path& fresh, const hash_key& uuid) {
    const auto names = files().list(state_);
    if (std::find(names.begin(), names.end(), "slots") == names.end()) return;
    files().make_directory(fresh / "slots");
    const std::unique_ptr<lmdb_reader> copy = open_lmdb_to_read(fresh, nullptr);
    const auto view = copy->read();
    std::uint64_t next = 1;
    for (const std::string& name : files().list(state_ / "slots"))
      for (int tries = 0; tries < slot_tries_max; ++tries) {  // an engine may be writing it
        const auto path = fresh / "slots" / std::to_string(next);
        const slot_copied done = copy_loop(state_ / "slots" / name, path, uuid, *view);
        if (done == slot_copied::yes) ++next;
        else files().remove(path);
        if (done == slot_copied::yes || done == slot_copied::unneeded) break;
        if (done == slot_copied::changing && tries + 1 == slot_tries_max) ++made_.checkpoints_missed;
        std::this_thread::sleep_for(pause_before_another);
      }
    made_.checkpoints = next - 1;
    files().sync_directory(fresh / "slots");
  }

  enum class slot_copied : std::uint8_t { yes, torn, changing, unneeded };  // torn: whose it is cannot be told

  // The same checkpoint for the same step of the copy: uuid and identity are the copy's.
  slot_copied copy_loop(const std::filesystem::path& path, const std::filesystem::path& copy, const hash_key& uuid, snapshot& view) {
    std::unique_ptr<file> from;
    try {
      from = files().open(path);
    } catch (const error&) {
      return slot_copied::unneeded;  // free meanwhile
    }
    std::array<std::byte, slot_payload_at> block{};
    const std::uint64_t size = from->size();
    if (size < block.size()) return slot_copied::unneeded;
    from->read(0, block);
    auto header = header_of(block);
    if (!header || header->uuid != store_->uuid()) return slot_copied::torn;
    if (size - block.size() < header->size) return slot_copied::torn;
    if (!identify(*header, uuid, view)) return slot_copied::unneeded;
    const auto into = files().create(copy);
    std::uint32_t crc = 0;
    for (std::uint64_t at = 0; at < header->size; at += piece_size) {
      const std::span<std::byte> piece{piece_.data(), static_cast<std::size_t>(std::min<std::uint64_t>(piece_size, header->size - at))};
      from->read(slot_payload_at + at, piece);
      crc = crc32c(piece, crc);
      into->write(slot_payload_at + at, piece);
    }
    if (crc != header->payload_crc) return slot_copied::changing;
    seal(*header);
    block.fill({});
    std::memcpy(block.data(), &*header, sizeof *header);
    into->write(0, block);
    into->sync();
    return slot_copied::yes;
  }

  // False where the item, as it is in the copy, is not in that loop.
  bool identify(slot_header& header, const hash_key& uuid, snapshot& view) const {
    stored_item item;
    for (const workflow_record& workflow : view.workflows()) {
      if (workflow.id != header.workflow || !view.load(workflow.id, header.item, item)) continue;
      const bool ended = item.state == item_state::done || item.state == item_state::skipped;
      if (ended || item.generation != header.generation) return false;
      // An engine goes on: the item may have come to the loop since.
      if (step_in_own_revision(workflow, item, header.revision, header.step) != item.reached) return false;
      for (const chain_revision& chain : workflow.revisions) {
        if (chain.id != header.revision || header.step >= chain.steps.size()) continue;
        const auto identity_in = [&](const hash_key& of) {
          return idempotency_key(of, workflow.name, item.key, chain.steps[header.step].name, header.generation, item.input_digest);
        };
        const std::string was = identity_in(store_->uuid());
        if (!std::equal(was.begin(), was.end(), header.identity.begin(), header.identity.end())) return false;
        const std::string is = identity_in(uuid);
        std::copy_n(is.begin(), header.identity.size(), header.identity.begin());
        header.uuid = uuid;
        return true;
      }
    }
    return false;
  }

  void check(const std::filesystem::path& fresh) {
    verify_options options;
    options.progress = progress_;
    const verify_report found = verify(fresh, options);
    made_.items = found.items;
    if (found.whole()) return;
    throw error(errc::damaged, "backup: the copy of " + state_.string() + " is not whole (" + found.findings.front().sentence +
                                   "); run `pawl verify` on the state; no backup was made");
  }

  const std::filesystem::path& state_;
  const tell_maintain& progress_;
  const std::unique_ptr<lmdb_reader> store_;
  std::unique_ptr<lmdb_snapshot> view_;
  log_copy log_;
  large_memory piece_{piece_size};
  backup_report made_;
};

ino_t inode_of(const std::filesystem::path& directory) {
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0) throw_file_error(errno, "look at", directory);
  return status.st_ino;
}

[[noreturn]] void throw_exists(const std::filesystem::path& target) {
  throw error(errc::bad_argument, "backup: " + target.string() + " exists already; give another name, or remove it first");
}

}  // namespace
}  // namespace core

backup_report backup(const std::filesystem::path& state, const std::filesystem::path& target, const tell_maintain& progress) {
  const std::filesystem::path from = core::existing_state(state);
  const std::filesystem::path to = core::settled_path(target);
  std::error_code failed;
  if (std::filesystem::symlink_status(to, failed).type() != std::filesystem::file_type::not_found) core::throw_exists(to);
  core::state_copier copier(from, progress);
  ino_t copied = 0;
  core::make_state_directory(to, [&](const std::filesystem::path& fresh) {
    copied = core::inode_of(fresh);
    copier.fill(fresh);
  });
  if (core::inode_of(to) != copied) core::throw_exists(to);
  return copier.made();
}

}  // namespace pawl
