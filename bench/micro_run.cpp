// What the engine itself takes for a step that has to be acknowledged before the
// next one starts, where acknowledging costs nothing: the hop from worker to
// committer and back, and everything on the way.
//
//   build/bench/micro_run
//
// A run over a backend that takes checkpoints and forgets them. With one item in
// flight each step is a hop of its own; with many they share it.
#include "run/recorded_chain.hpp"
#include "run/session.hpp"
#include "store/backend.hpp"
#include "support/engine_options.hpp"

#include <pawl/pawl.hpp>

#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>

namespace {

using namespace pawl;
using namespace pawl::core;

// Knows no item.
class empty_snapshot final : public snapshot {
public:
  void refresh() override {}
  void release() override {}
  bool find(workflow_id, std::string_view, stored_item&, bool) override { return false; }
  bool load(workflow_id, item_id, stored_item&) override { return false; }
  void scan(workflow_id, item_id, const item_state*, const std::function<bool(const stored_item&)>&) override {}
  void fetch(workflow_id, const stored_item&, const stored_payload&, std::vector<std::byte>&) override {}
  workflow_counts count(workflow_id) override { return {}; }
  std::vector<workflow_record> workflows() override { return {}; }
  std::string schema(std::uint64_t) override { return {}; }
};

class forgetful_backend final : public backend {
public:
  workflow_record open_workflow(std::string_view name, const chain_revision& chain,
                                std::span<const schema_record>) override {
    workflow_record record;
    record.name = name;
    record.revisions.push_back(chain);
    return record;
  }
  void commit(std::span<const std::span<const std::byte>>) override { ++commits_; }
  void remove(workflow_id, std::span<const item_id>, std::uint64_t) override {}
  large_object store_large(std::uint64_t, std::span<const std::byte>) override {
    throw std::logic_error("no value here is large");
  }
  [[nodiscard]] std::size_t large_threshold() const override { return std::size_t{256} << 10; }
  [[nodiscard]] std::unique_ptr<snapshot> read() override { return std::make_unique<empty_snapshot>(); }
  [[nodiscard]] std::array<std::byte, 16> uuid() const override { return {}; }
  [[nodiscard]] backend_totals totals() const override { return {.commits = commits_, .flushes = 0, .bytes = 0}; }

private:
  std::uint64_t commits_ = 0;
};

report run_over(forgetful_backend& store, checkpoint_log& log, std::uint64_t items, const run_settings& settings) {
  const auto same = [](const std::uint64_t& number) { return number; };
  const auto workflow = pawl::workflow<"hop">(step<"a">(same), step<"b">(same), step<"c">(same), step<"d">(same));
  const auto& chain = detail::chain_of(workflow);
  const recorded_chain recorded(*chain);
  const workflow_record record = store.open_workflow(chain->name, recorded.revision(), recorded.schemas());
  const auto logger = bench::quiet_options().logger;
  run_state run(chain, record, store, log, system_clock(), *logger, settings);
  std::uint64_t next = 0;
  auto source = generate([&]() -> std::optional<std::uint64_t> {
    if (next == items) return std::nullopt;
    return next++;
  });
  auto holder = detail::hold_source<std::uint64_t>(source);
  return run_session(run, detail::make_source(holder));
}

// Arguments: items in flight, workers.
void hop(benchmark::State& state) {
  run_settings settings;
  settings.window_items = static_cast<std::size_t>(state.range(0));
  settings.workers = static_cast<std::size_t>(state.range(1));
  const std::uint64_t items = settings.window_items == 1 ? 1000 : 8 * settings.window_items + 10'000;
  forgetful_backend store;
  checkpoint_log log(store);
  std::uint64_t done = 0;
  for (auto _ : state) {
    const report found = run_over(store, log, items, settings);
    if (found.done != items) throw std::runtime_error("not all items were done");
    done += found.steps;
  }
  state.counters["per_step"] =
      benchmark::Counter(static_cast<double>(done), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

}  // namespace

BENCHMARK(hop)
    ->ArgNames({"in_flight", "workers"})
    ->ArgsProduct({{1, 64, 1024, 8192}, {1, 2}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_MAIN();
