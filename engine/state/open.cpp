#include "state/open.hpp"

#include "journal/recovery.hpp"
#include "lmdb/backend.hpp"
#include "lmdb/open.hpp"
#include "state/journaled_backend.hpp"
#include "state/overlaid_snapshot.hpp"

#include <pawl/error.hpp>

#include <sys/vfs.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

namespace pawl::core {
namespace {

std::filesystem::path journal_of(const std::filesystem::path& state) { return state / "journal"; }

// Before the opening is recorded: from then on the state counts as one whose journal must be there.
void prepare_journal(file_system& files, const std::filesystem::path& state, const hash_key& uuid,
                     const journal_mark& mark) {
  const auto directory = journal_of(state);
  if (journal::is_there(files, directory)) return;
  if (!mark.drained)
    throw error(errc::damaged, "journal: " + directory.string() +
                                   " is gone, and with it what it held and LMDB did not; put it back or restore a "
                                   "backup of the whole state");
  const auto names = files.list(state);
  if (std::find(names.begin(), names.end(), directory.filename().string()) != names.end()) {
    // Made by an opening that did not come to its end: nothing can be in it.
    for (const std::string& name : files.list(directory)) files.remove(directory / name);
    journal::complete(files, directory, uuid);
  } else {
    journal::make(files, directory, uuid);
  }
}

// Storing into a mapping of blocks that were written before needs no room on these; elsewhere it might, and a full disk
// would kill the process (rule 17).
bool can_map(const std::filesystem::path& state) {
  constexpr long ext = 0xef53;
  constexpr long xfs = 0x58465342;
  struct statfs status {};
  return ::statfs(state.c_str(), &status) == 0 &&
         (static_cast<long>(status.f_type) == ext || static_cast<long>(status.f_type) == xfs);
}

class state_reader final : public backend {
public:
  explicit state_reader(std::unique_ptr<lmdb_reader> below) : below_(std::move(below)) {}

  workflow_record open_workflow(std::string_view name, const chain_revision& chain,
                                std::span<const schema_record> schemas) override {
    return below_->open_workflow(name, chain, schemas);
  }
  void commit(std::span<const std::span<const std::byte>> groups) override { below_->commit(groups); }
  void remove(workflow_id workflow, std::span<const item_id> items, std::uint64_t oldest_done_us) override {
    below_->remove(workflow, items, oldest_done_us);
  }
  large_object store_large(std::uint64_t schema_hash, std::span<const std::byte> value) override {
    return below_->store_large(schema_hash, value);
  }
  std::size_t large_threshold() const override { return below_->large_threshold(); }
  std::unique_ptr<snapshot> read() override {
    return std::make_unique<overlaid_snapshot>(
        std::make_unique<lmdb_snapshot>(below_->env(), below_->blobs()),
        unapplied(machine_files(), journal_of(below_->env()->state()), below_->uuid()));
  }
  std::array<std::byte, 16> uuid() const override { return below_->uuid(); }
  std::array<std::byte, 16> salt() const override { return below_->salt(); }
  backend_totals totals() const override { return below_->totals(); }
  table_store* tables() override { return below_->tables(); }
  // About the end of the journal, as it is now; empty where all is well. What is damaged, whoever reads will be told.
  [[nodiscard]] std::string remark() const {
    try {
      lmdb_snapshot base(below_->env(), below_->blobs());
      unapplied over(machine_files(), journal_of(below_->env()->state()), below_->uuid());
      over.read(base);
      return over.remark();
    } catch (const error&) {
      return {};
    }
  }
  [[nodiscard]] pawl::durability durability() const {
    return read_opening(read_transaction(*below_->env())).durability;
  }

private:
  const std::unique_ptr<lmdb_reader> below_;
};

}  // namespace

std::unique_ptr<backend> open_state(const std::filesystem::path& state, const state_options& options) {
  lmdb_options below_options;
  below_options.kept = options.shared ? keeping::shared : keeping::journaled;
  below_options.durability = options.durability;
  below_options.files = options.files;
  below_options.own_thread = options.applying.own_thread;
  below_options.warnings = options.warnings;
  if (options.shared) return open_lmdb(state, below_options);
  below_options.prepare = [&](const std::filesystem::path& path, const hash_key& uuid, const journal_mark& mark) {
    prepare_journal(*options.files, path, uuid, mark);
  };
  auto below = open_lmdb_to_write(state, below_options);

  const auto directory = journal_of(below->env()->state());
  const journal_mark mark = below->mark();
  found_log found = find_log(*options.files, directory, journal_salt(below->uuid()), mark.applied, mark.durable, true);
  if (!found.remark.empty() && options.warnings != nullptr) options.warnings->push_back(found.remark);
  journal_options log_options;
  log_options.durability = options.durability;
  log_options.size_max = options.journal_bytes;
  if (found.parts.empty()) below->collect_blobs();  // else a record in the journal may name one
  if (!can_map(directory)) log_options.mapped_append_max = 0;
  auto log = std::make_unique<journal>(*options.files, directory, below->uuid(), below->epoch(), std::move(found),
                                       log_options);
  return std::make_unique<journaled_backend>(std::move(below), std::move(log), mark.applied, options.applying,
                                             options.flush_interval);
}

std::unique_ptr<backend> open_state_reader(const std::filesystem::path& state, std::vector<std::string>* warnings) {
  auto reader = std::make_unique<state_reader>(open_lmdb_to_read(state, warnings));
  if (warnings == nullptr) return reader;
  // A tail that was cut off is worth a word, unless somebody is writing it at this moment.
  const std::string remark = reader->remark();
  if (remark.empty()) return reader;
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  if (reader->remark() == remark) warnings->push_back(remark);
  return reader;
}

durability durability_of(const backend& reader) { return dynamic_cast<const state_reader&>(reader).durability(); }

}  // namespace pawl::core
