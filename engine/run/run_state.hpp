// What the parts of one run share: the chain and its options, the counts, and
// how the run is told to stop. Everything here is set before the workers start
// or is atomic.
#pragma once

#include "record/hash.hpp"
#include "run/batch_gate.hpp"
#include "run/checkpoint_log.hpp"
#include "run/clock.hpp"
#include "run/loop_totals.hpp"
#include "run/rate_gate.hpp"
#include "run/ready_queue.hpp"
#include "run/transaction_queue.hpp"
#include "run/value_layout.hpp"
#include "run/verdict.hpp"
#include "store/backend.hpp"
#include "store/table_access.hpp"

#include <pawl/detail/erased.hpp>
#include <pawl/options.hpp>
#include <pawl/report.hpp>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

namespace spdlog {
class logger;
}

namespace pawl::core {

class fan_queue;
class flight_recorder;
class slot_store;

struct run_settings {
  std::size_t workers = 1;
  std::size_t window_items = 8192;
  std::size_t window_bytes = std::size_t{64} << 20;
  bool check_codecs = false;
  run_options options;
};

// Counts that grow while the run is on; progress reads them at any time.
struct run_counts {
  std::atomic<std::uint64_t> items{0};
  std::array<std::atomic<std::uint64_t>, 5> by_state{};
  std::atomic<std::uint64_t> settled_before{0};
  std::atomic<std::uint64_t> vanished{0};
  std::atomic<std::uint64_t> taken_over{0};
  std::atomic<std::uint64_t> duplicates{0};
  std::atomic<std::uint64_t> resumed{0};
  std::atomic<std::uint64_t> steps_saved{0};
  std::atomic<std::uint64_t> changed_inputs{0};
  std::atomic<std::uint64_t> redone{0};
  std::atomic<std::uint64_t> migrated{0};
  std::atomic<std::uint64_t> held{0};
  std::atomic<std::uint64_t> left{0};
  std::atomic<std::uint64_t> left_unfinished{0};  // of those, the ones that have not failed
  std::atomic<std::uint64_t> steps{0};
};

class run_state {
public:
  run_state(std::shared_ptr<const detail::chain> chain_of_items, const workflow_record& record, backend& storage,
            checkpoint_log& checkpoints, clock& clock_of_run, spdlog::logger& log_to, const run_settings& chosen)
      : chain(std::move(chain_of_items)),
        workflow(record),
        settings(chosen),
        layout(*chain),
        verdicts(workflow, layout,
                 {.retry_failed = chosen.options.on_failed == on_failed::retry,
                  .rerun_changed = chosen.options.on_changed_chain == on_changed_chain::rerun}),
        store(storage),
        log(checkpoints),
        time(clock_of_run),
        logger(log_to),
        uuid(storage.uuid()),
        salt(storage.salt()),
        records(!storage.keeps_nothing()),
        ready(clock_of_run, chosen.window_items),
        started_ns(clock_of_run.now_ns()),
        started_us(clock_of_run.unix_us()) {
    for (std::size_t i = 0; i < chosen.workers; ++i) told.push_back(std::make_unique<std::atomic<double>>(-1.0));
    for (const detail::erased_step& step : chain->steps) {
      const bool is_batch = step.kind == step_kind::batch;
      batches.push_back(is_batch ? std::make_unique<batch_gate>(step.batch, step.concurrency, chosen.window_items)
                                 : nullptr);
      has_batches |= is_batch;
      gates.push_back(step.concurrency != 0 && !is_batch ? std::make_unique<step_gate>(step.concurrency, chosen.window_items)
                                           : nullptr);
      rates.push_back(step.rate.calls != 0 ? std::make_unique<rate_gate>(step.rate, chosen.window_items) : nullptr);
      if (step.kind == step_kind::transactional && !transactions)
        transactions = std::make_unique<transaction_queue>(chosen.window_items, chosen.workers);
      fans.emplace_back(step.fan ? step.fan->chains.size() : 0, nullptr);
      loops.push_back(step.loop ? std::make_unique<loop_totals>() : nullptr);
      skips_used.emplace_back(std::make_unique<std::atomic<std::uint64_t>[]>(step.skip_on.size()));
    }
  }

  // Nothing new starts from now on; what runs is finished and recorded. Any thread, any number of times.
  void stop() noexcept {
    if (!stopping_.exchange(true, std::memory_order_acq_rel)) {
      stop_running.request_stop();
      ready.release_back_offs();
    }
  }
  [[nodiscard]] bool stopping() const noexcept { return stopping_.load(std::memory_order_acquire); }

  // The run ends with this error once what runs is recorded; the first one counts.
  void fail(std::exception_ptr why) noexcept {
    {
      const std::scoped_lock lock(failure_mutex_);
      if (!failure_) failure_ = std::move(why);
    }
    stop();
  }
  // The same, but items already admitted go on to their end: for a source that broke.
  void note_failure(std::exception_ptr why) noexcept {
    const std::scoped_lock lock(failure_mutex_);
    if (!failure_) failure_ = std::move(why);
  }
  [[nodiscard]] std::exception_ptr failure() const noexcept {
    const std::scoped_lock lock(failure_mutex_);
    return failure_;
  }

  void count(item_state state, std::uint64_t items = 1) noexcept {
    counts.by_state[static_cast<std::size_t>(state)].fetch_add(items, std::memory_order_relaxed);
  }
  // An item that was recorded under this revision is among those of the run. By the admitting worker.
  void note_revision(revision_id revision) {
    if (revision >= revisions_seen_.size()) revisions_seen_.resize(revision + std::size_t{1});
    revisions_seen_[revision] = true;
  }
  [[nodiscard]] bool revision_seen(revision_id revision) const {
    return revision < revisions_seen_.size() && revisions_seen_[revision];
  }
  // Remembers the first failures and skips for the report.
  void note_end(item_state state, std::string_view key, std::uint16_t step, std::string_view reason);
  // An item that is held: few are enough, their reasons are alike.
  void note_held(std::string_view key, std::uint16_t step, std::string_view reason);
  // An item that is left as it is, in `state`.
  void note_left(std::string_view key, std::uint16_t step, item_state state, std::string_view reason);
  void fill_entries(report& into) const;

  // Microseconds of the Unix epoch, by the monotonic clock from the start of the run: no second reading.
  [[nodiscard]] std::uint64_t unix_us(std::uint64_t now_ns) const noexcept {
    // Signed: another thread may read a moment before the start.
    return started_us + static_cast<std::uint64_t>(static_cast<std::int64_t>(now_ns - started_ns) / 1000);
  }

  const std::shared_ptr<const detail::chain> chain;
  const workflow_record workflow;
  const run_settings settings;
  const value_layout layout;
  const verdict_maker verdicts;
  backend& store;
  checkpoint_log& log;
  clock& time;
  spdlog::logger& logger;
  const hash_key uuid;
  const hash_key salt;  // of digests of inputs
  const bool records;  // false: the backend keeps nothing, so nothing is recorded and nobody waits
  ready_queue ready;
  std::vector<std::unique_ptr<step_gate>> gates;  // by step; null where there is no limit
  std::vector<std::unique_ptr<rate_gate>> rates;  // the same
  std::vector<std::unique_ptr<batch_gate>> batches;  // by step; null where it is none
  bool has_batches = false;
  std::unique_ptr<transaction_queue> transactions;  // null where no step is transactional
  core::known_tables known_tables;                  // of whoever has the tables' turn
  std::vector<std::unique_ptr<std::atomic<std::uint64_t>[]>> skips_used;  // by step, by skip rule
  slot_store* slots = nullptr;  // for the checkpoints of loops; null: they make none
  flight_recorder* flight = nullptr;  // marks what is executed, knows what crashed; null: nobody does
  std::vector<std::unique_ptr<loop_totals>> loops;  // by step; null where it is none
  std::vector<std::vector<fan_queue*>> fans;        // by step, by chain of its children; set before the run begins
  fan_queue* children = nullptr;                    // that this run takes its items from; null: from anywhere else
  run_counts counts;
  // By two's complement: who retires an item may tell of its bytes before the worker does that gave it some, so that for as
  // long as that worker's call lasts there may be less than nothing.
  std::atomic<std::uint64_t> bytes_in_flight{0};
  // With a change that is not told yet.
  [[nodiscard]] bool has_room_for_bytes(std::uint64_t change) const noexcept {
    const auto now = static_cast<std::int64_t>(bytes_in_flight.load(std::memory_order_relaxed) + change);
    return now < 0 || static_cast<std::uint64_t>(now) < settings.window_bytes;
  }
  // What the running step of each worker last told of its progress; below 0: nothing.
  std::vector<std::unique_ptr<std::atomic<double>>> told;
  std::stop_source stop_running;  // the token of every step without a time-out
  const std::uint64_t started_ns;
  const std::uint64_t started_us;

private:
  std::atomic<bool> stopping_{false};
  mutable std::mutex failure_mutex_;
  std::exception_ptr failure_;
  mutable std::mutex entries_mutex_;
  std::vector<bool> revisions_seen_;
  std::size_t held_noted_ = 0;
  std::vector<report_entry> failures_;
  std::vector<report_entry> skips_;
  std::vector<report_entry> left_;
};

}  // namespace pawl::core
