// pawl::verify: the public door, and in which order everything is looked at: pages before LMDB reads them, then the journal,
// then what lies in LMDB, then files.
#include <pawl/maintain.hpp>

#include "lmdb/backend.hpp"
#include "lmdb/check_entries.hpp"
#include "lmdb/check_pages.hpp"
#include "lmdb/snapshot.hpp"
#include "lmdb/rewrite.hpp"
#include "maintain/check_loops.hpp"
#include "maintain/existing_state.hpp"
#include "state/overlaid_snapshot.hpp"
#include "state/unapplied.hpp"

#include <pawl/error.hpp>

#include <utility>

namespace pawl {
namespace core {
namespace {

constexpr std::size_t page_findings_max = 100;
constexpr const char* restore_backup = "restore a backup";

struct pages_are_damaged {};

class verification {
public:
  verification(const std::filesystem::path& state, const verify_options& options) : state_(state), options_(options) {}

  verify_report look() {
    try {
      open_and_look();
    } catch (const pages_are_damaged&) {
      made_.notes.emplace_back("what lies in data.mdb was not looked at, because its pages are damaged");
    } catch (const error& failure) {
      if (failure.code() != errc::damaged) throw;
      tell({"records", {}, {}, {}, cause_of(failure), restore_backup, false});
    }
    return std::move(made_);
  }
  // Something derived is wrong, and all that it is derived from can be read.
  [[nodiscard]] bool can_be_repaired() const noexcept { return some_derived_ && !some_original_; }
  [[nodiscard]] bool is_beyond_repair() const noexcept { return some_original_; }

private:
  void tell(verify_finding one) {
    ++made_.found;
    some_derived_ = some_derived_ || one.derived;
    some_original_ = some_original_ || (!one.derived && (one.part == "pages" || one.part == "records" || one.part == "items"));
    if (made_.findings.size() < options_.findings_max) made_.findings.push_back(std::move(one));
  }

  void look_at_pages(file& data, const meta_record& commit) {
    page_check_options options;
    options.findings_max = page_findings_max;
    if (options_.progress)
      options.progress = [&](std::uint64_t done, std::uint64_t of) { options_.progress({"pages", done, of}); };
    page_check found = check_pages(data, commit, options);
    made_.pages = found.pages;
    if (found.unreached != 0 && found.findings.empty())
      made_.notes.push_back(std::to_string(found.unreached) + " pages of data.mdb are neither used nor free: room is lost until `pawl compact`");
    for (std::string& sentence : found.findings) tell({"pages", {}, {}, {}, std::move(sentence), restore_backup, false});
    if (!found.findings.empty()) throw pages_are_damaged{};
  }

  void open_and_look() {
    bool looked = false;
    const auto pages = [&](file& data, const meta_record& commit) {
      looked = true;
      look_at_pages(data, commit);
    };
    const std::unique_ptr<lmdb_reader> store = open_lmdb_to_read(state_, &made_.notes, pages);
    lmdb_snapshot view(store->env(), store->blobs());
    if (!looked && pages_are_known()) {  // this process has it open, and then its pages were looked at when it was opened
      const auto data = machine_files().open(store->env()->state() / "data.mdb");
      if (const auto commit = meta_of(*data, store->env()->page_size(), ::mdb_txn_id(view.txn().handle())))
        look_at_pages(*data, *commit);
    }
    const tell_finding told = [&](verify_finding one) { tell(std::move(one)); };
    look_at_journal(*store, view);
    const entry_counts counts = check_entries(view.txn(), *store->blobs(), told, options_.progress);
    made_.items = counts.items;
    made_.values = counts.values;
    made_.files = counts.files;
    made_.table_entries = counts.table_entries;
    const std::unique_ptr<snapshot> now = newest(*store);
    made_.checkpoints = check_loops(machine_files(), store->env()->state(), store->uuid(), now.get(), told, made_.notes);
  }

  // With what the journal holds, if that can be read.
  static std::unique_ptr<snapshot> newest(const lmdb_reader& store) {
    auto base = std::make_unique<lmdb_snapshot>(store.env(), store.blobs());
    try {
      return std::make_unique<overlaid_snapshot>(std::make_unique<lmdb_snapshot>(store.env(), store.blobs()),
                                                 unapplied(machine_files(), store.env()->state() / "journal", store.uuid()));
    } catch (const error&) {  // that was told
      return base;
    }
  }

  void look_at_journal(const lmdb_reader& store, lmdb_snapshot& view) {
    if (options_.progress) options_.progress({"journal", 0, 0});
    unapplied over(machine_files(), store.env()->state() / "journal", store.uuid());
    try {
      over.read(view);
      made_.journaled = over.all().size();
      if (!over.remark().empty()) made_.notes.push_back(over.remark());
      for (const auto& [address, bytes] : over.all()) look_at_values(view, address, bytes);
    } catch (const error& failure) {
      if (failure.code() != errc::damaged && failure.code() != errc::io) throw;
      tell({"journal", {}, {}, {}, cause_of(failure), restore_backup, false});
    }
  }

  // What the journal names and LMDB has, or does not have yet: files.
  void look_at_values(lmdb_snapshot& view, item_address address, std::span<const std::byte> bytes) {
    read_row(bytes, address, row_part::whole, row_);
    for (const row_value& value : row_.values)
      if (value.place == value_place::file) view.fetch_value(address, value, room_);
  }

  const std::filesystem::path& state_;
  const verify_options& options_;
  verify_report made_;
  bool some_derived_ = false;   // of what is wrong, told or not
  bool some_original_ = false;  // what others are derived from
  row row_;
  std::vector<std::byte> room_;
};

}  // namespace
}  // namespace core

verify_report verify(const std::filesystem::path& state, const verify_options& options) {
  core::verification first(state, options);
  verify_report found = first.look();
  if (options.repair && first.is_beyond_repair())
    found.notes.emplace_back("nothing was repaired: what the index and the counters are made from is damaged itself");
  if (!options.repair || !first.can_be_repaired()) return found;
  core::copy_plan plan;
  plan.derive = true;
  plan.progress = options.progress;
  static_cast<void>(core::rewrite_data(core::existing_state(state), plan));
  verify_report left = core::verification(state, options).look();
  left.repaired = true;
  return left;
}

}  // namespace pawl
