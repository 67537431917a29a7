// The workflow of workflows/orders as a program that can be killed where it hurts, and spoilt.
//
//   orders_child STATE ITEMS DURABILITY KILL_AT [split]
//
// KILL_AT n: SIGKILL before the n-th write, flush or removal of a file (0: never). `split`: a store that commits what a
// transaction wrote and, afterwards, its checkpoints: the error that the tests must be able to find.

#include "run/recorded_chain.hpp"
#include "run/session.hpp"
#include "state/open.hpp"
#include "support/quiet.hpp"
#include "tests/crash/kill_at_write.hpp"
#include "workflows/orders/orders.hpp"

#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

using namespace pawl::core;

class split_store final : public backend, public table_store {
public:
  split_store(std::unique_ptr<backend> below, bool split) : below_(std::move(below)), split_(split) {}

  workflow_record open_workflow(std::string_view name, const chain_revision& chain,
                                std::span<const schema_record> schemas) override {
    return below_->open_workflow(name, chain, schemas);
  }
  void commit(std::span<const std::span<const std::byte>> groups) override { below_->commit(groups); }
  log_position recorded() const override { return below_->recorded(); }
  void settle(log_position position) override { below_->settle(position); }
  void flush() override { below_->flush(); }
  void remove(workflow_id workflow, std::span<const item_id> items, std::uint64_t oldest_done_us) override {
    below_->remove(workflow, items, oldest_done_us);
  }
  large_object store_large(std::uint64_t schema_hash, std::span<const std::byte> value) override {
    return below_->store_large(schema_hash, value);
  }
  std::size_t large_threshold() const override { return below_->large_threshold(); }
  std::unique_ptr<snapshot> read() override { return below_->read(); }
  std::array<std::byte, 16> uuid() const override { return below_->uuid(); }
  backend_totals totals() const override { return below_->totals(); }
  table_store* tables() override { return this; }

  std::unique_ptr<table_snapshot> read_tables() override { return below_->tables()->read_tables(); }
  table_id open_table(const table_schema& table) override { return below_->tables()->open_table(table); }
  void commit_tables(const table_writes& writes, std::span<const std::span<const std::byte>> groups,
                     std::uint64_t behind) override {
    if (!split_) return below_->tables()->commit_tables(writes, groups, behind);
    below_->tables()->commit_tables(writes, {}, behind);
    below_->tables()->commit_tables({}, groups, behind);
  }
  void begin_commit(const table_writes& writes, std::span<const std::span<const std::byte>> groups,
                    std::uint64_t behind) override {
    if (split_) commit_tables(writes, groups, behind);
    else below_->tables()->begin_commit(writes, groups, behind);
  }
  void end_commit() override {
    if (!split_) below_->tables()->end_commit();
  }

private:
  const std::unique_ptr<backend> below_;
  const bool split_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  const auto items = static_cast<std::uint64_t>(std::atol(argv[2]));
  pawl::test::kill_at = std::atol(argv[4]);
  try {
    state_options options;
    options.journal_bytes = std::uint64_t{16} << 20;
    if (std::string(argv[3]) == "process") options.durability = pawl::durability::process;
    split_store store(open_state(argv[1], options), argc > 5);
    checkpoint_log log(store);
    const auto booking = orders::booking();
    const auto& chain = pawl::detail::chain_of(booking);
    const recorded_chain recorded(*chain);
    workflow_record record;
    store.settle(everything);
    log.between_commits([&] { record = store.open_workflow(chain->name, recorded.revision(), recorded.schemas()); });
    run_settings settings;
    settings.workers = 2;
    settings.window_items = 64;
    const auto logger = pawl::test::quiet().logger;
    run_state run(chain, record, store, log, system_clock(), *logger, settings);
    auto numbers = orders::numbers_up_to(items);
    auto source = pawl::detail::hold_source<std::uint64_t>(numbers);
    return run_session(run, pawl::detail::make_source(source)).done == items ? 0 : 1;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "orders_child: %s\n", failure.what());
    return 3;
  }
}
