// Makes a state, or prunes it and is killed in the middle.
//
//   prune_child STATE make
//   prune_child STATE MODE KEEP KILL_AT
//
// KEEP: so many done items stay. KILL_AT n: SIGKILL before the n-th write, flush or removal of a file (0: never). MODE:
//   engine    engine::prune
//   pieces    the same in transactions of a few items each
//   files     a store that removes files before it commits that nobody names them any more
//   keys      a store that commits the index, and rows and counters afterwards
// The last two are the errors that the tests must be able to find.

#include "lmdb/backend.hpp"
#include "lmdb/tally.hpp"
#include "prune.hpp"
#include "support/quiet.hpp"
#include "tests/crash/kill_at_write.hpp"

#include <pawl/pawl.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using namespace pawl::core;

constexpr int items = 60;

// 20 bytes, 10,000 (in chunks), or 300,000 (in a file).
auto pipeline() {
  return pawl::workflow<"w">(pawl::step<"read">([](int n) {
    const std::size_t size = n % 5 == 0 ? 300'000 : n % 5 == 1 ? 10'000 : 20;
    return std::string(size, static_cast<char>('a' + n % 26));
  }));
}

int make(const char* state) {
  pawl::engine engine(state, pawl::test::quiet());
  std::vector<int> all;
  for (int n = 0; n < items; ++n) all.push_back(n);
  return engine.run(pipeline(), all).done == items ? 0 : 1;
}

// A store that removes in some other way.
class spoilt_store : public backend {
public:
  explicit spoilt_store(const char* state, std::size_t pages) {
    lmdb_options options;
    options.dirty_pages_max = pages;
    below_ = open_lmdb_to_write(state, options);
  }
  workflow_record open_workflow(std::string_view name, const chain_revision& chain,
                                std::span<const schema_record> schemas) override {
    return below_->open_workflow(name, chain, schemas);
  }
  void commit(std::span<const std::span<const std::byte>> groups) override { below_->commit(groups); }
  void remove(workflow_id workflow, std::span<const item_id> ids, std::uint64_t oldest_done_us) override {
    below_->remove(workflow, ids, oldest_done_us);
  }
  large_object store_large(std::uint64_t schema_hash, std::span<const std::byte> value) override {
    return below_->store_large(schema_hash, value);
  }
  std::size_t large_threshold() const override { return below_->large_threshold(); }
  std::unique_ptr<snapshot> read() override { return below_->read(); }
  std::array<std::byte, 16> uuid() const override { return below_->uuid(); }
  backend_totals totals() const override { return below_->totals(); }

protected:
  std::unique_ptr<lmdb_backend> below_;
};

// The rows of these items, whole.
void each_row(const transaction& txn, workflow_id workflow, std::span<const item_id> ids, auto&& each) {
  for (const item_id id : ids) {
    const item_address address = address_of(workflow, id);
    const auto bytes = txn.get(txn.env().in().items, item_key(address));
    if (!bytes) continue;
    const std::vector<std::byte> own(bytes->begin(), bytes->end());
    row one;
    read_row(own, address, row_part::whole, one);
    each(address, one);
  }
}

class files_first final : public spoilt_store {
public:
  using spoilt_store::spoilt_store;
  void remove(workflow_id workflow, std::span<const item_id> ids, std::uint64_t oldest_done_us) override {
    {
      const read_transaction txn(*below_->env());
      each_row(txn, workflow, ids, [&](item_address, const row& one) {
        for (const row_value& value : one.values)
          if (value.place == value_place::file)
            ::unlink((below_->env()->state() / "blobs" / file_name_of({value.epoch, value.file_number})).c_str());
      });
    }
    below_->remove(workflow, ids, oldest_done_us);
  }
};

class keys_first final : public spoilt_store {
public:
  using spoilt_store::spoilt_store;
  void remove(workflow_id workflow, std::span<const item_id> ids, std::uint64_t) override {
    const environment& env = *below_->env();
    {
      write_transaction txn(env);
      each_row(txn, workflow, ids, [&](item_address, const row& one) {
        lmdb_key name;
        make_index_key(env.uuid(), workflow, one.key, name);
        txn.erase(env.in().index, name.bytes());
      });
      txn.commit("commit");
    }
    write_transaction txn(env);
    tally counters;
    counters.begin();
    each_row(txn, workflow, ids, [&](item_address address, const row& one) {
      counters.change(txn, address, counted(one), {});
      txn.erase(env.in().items, item_key(address));
    });
    counters.write(txn);
    txn.commit("commit");
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const std::string mode = argv[2];
  try {
    if (mode == "make") return make(argv[1]);
    if (argc != 5) return 2;
    const auto keep = static_cast<std::uint64_t>(std::atol(argv[3]));
    pawl::test::kill_at = std::atol(argv[4]);
    if (mode == "engine") {
      pawl::engine engine(argv[1], pawl::test::quiet());
      static_cast<void>(engine.prune("w", {.done_at_most = keep}));
      return 0;
    }
    std::unique_ptr<backend> store;
    if (mode == "files") store = std::make_unique<files_first>(argv[1], 16'000);
    else if (mode == "keys") store = std::make_unique<keys_first>(argv[1], 16'000);
    else store = std::make_unique<spoilt_store>(argv[1], 40);
    static_cast<void>(prune_items(*store, "w", {.done_for_s = {}, .done_at_most = keep}, {.now_us = ~std::uint64_t{0} >> 1}));
    return 0;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "prune_child: %s\n", failure.what());
    return 3;
  }
}
