// The floor `memory`: the engine alone.
//
// The same workflow over a backend that keeps nothing, so no step is encoded,
// recorded or waited for: what is left is the source, the window, the calls and
// their timing. What a durable step costs above this is the price of durability.
// As nothing can be read back, the last step sums the hash while it has the value.
#include "overhead/work.hpp"

#include "run/recorded_chain.hpp"
#include "run/session.hpp"
#include "store/backend.hpp"
#include "store/workflows.hpp"

#include <pawl/pawl.hpp>

#include <spdlog/logger.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace bench {
namespace {

using namespace pawl::core;
using timer = std::chrono::steady_clock;
using chain = pawl::workflow_of<std::uint64_t, std::string>;

[[noreturn]] void never_asked() { throw std::logic_error("overhead: a backend that keeps nothing was asked for something"); }

class no_backend final : public backend {
public:
  bool keeps_nothing() const override { return true; }
  workflow_record open_workflow(std::string_view name, const chain_revision& revision,
                                std::span<const schema_record>) override {
    workflow_record opened;
    open_among({}, name, revision, opened);
    return opened;
  }
  void commit(std::span<const std::span<const std::byte>>) override { never_asked(); }
  void remove(workflow_id, std::span<const item_id>, std::uint64_t) override { never_asked(); }
  large_object store_large(std::uint64_t, std::span<const std::byte>) override { never_asked(); }
  std::size_t large_threshold() const override { return 256 * 1024; }
  std::unique_ptr<snapshot> read() override { never_asked(); }
  std::array<std::byte, 16> uuid() const override { return {}; }
  backend_totals totals() const override { return {}; }
};

// "s00", "s01", ...
template <std::size_t Place>
consteval auto name() {
  const char letters[] = {'s', static_cast<char>('0' + Place / 10), static_cast<char>('0' + Place % 10), 0};
  return pawl::detail::fixed_string(letters);
}

// A step of work.hpp; the last one adds the hash of what it returns to `sum`.
template <std::size_t Place, std::size_t Length>
auto step_at(std::size_t bytes, std::atomic<std::uint64_t>& sum) {
  const auto note = [&sum](std::uint64_t key, const std::string& result) {
    static_cast<void>(sum);  // only the last step's adds to it
    if constexpr (Place + 1 == Length) sum.fetch_add(hash_of(key, result), std::memory_order_relaxed);
  };
  if constexpr (Place == 0)
    return pawl::step<name<0>()>([=](const std::uint64_t& key) {
      std::string result = first_step(key, bytes);
      note(key, result);
      return result;
    });
  else if constexpr (Place + 1 < Length)
    return pawl::step<name<Place>()>([](const std::string& before) { return next_step(before); });
  else
    return pawl::step<name<Place>()>([=](const std::string& before, pawl::item<std::uint64_t> key) {
      std::string result = next_step(before);
      note(*key, result);
      return result;
    });
}

template <std::size_t... Place>
chain make_chain(std::size_t bytes, std::atomic<std::uint64_t>& sum, std::index_sequence<Place...>) {
  return pawl::workflow<"overhead">(step_at<Place, sizeof...(Place)>(bytes, sum)...);
}

template <std::size_t... Lengths>
chain chain_of(const workload& work, std::atomic<std::uint64_t>& sum, std::index_sequence<Lengths...>) {
  std::optional<chain> made;
  ((work.steps == Lengths ? void(made.emplace(make_chain(work.bytes, sum, std::make_index_sequence<Lengths>{})))
                          : void()),
   ...);
  if (!made) throw std::invalid_argument("overhead: memory is compiled for chains of 1 2 3 4 8 16 32 64 steps");
  return *std::move(made);
}

}  // namespace

measurement measure_memory(const workload& work) {
  std::atomic<std::uint64_t> sum = 0;
  const chain workflow = chain_of(work, sum, std::index_sequence<1, 2, 3, 4, 8, 16, 32, 64>{});
  const auto& erased = pawl::detail::chain_of(workflow);
  const recorded_chain recorded(*erased);
  no_backend store;
  checkpoint_log log(store);
  const workflow_record record = store.open_workflow(erased->name, recorded.revision(), recorded.schemas());
  run_settings settings;
  settings.workers = work.workers;
  settings.window_items = work.in_flight;
  spdlog::logger silent("overhead");
  run_state run(erased, record, store, log, system_clock(), silent, settings);

  const auto began = timer::now();
  const auto in_time = [&] {
    return work.seconds_max == 0 || timer::now() - began < std::chrono::duration<double>(work.seconds_max);
  };
  std::uint64_t next = 0;
  auto source = pawl::generate(
      [&]() -> std::optional<std::uint64_t> {
        if (next == work.items || (next % 256 == 0 && !in_time())) return std::nullopt;
        return key_of(next++, work.keys);
      },
      work.items);
  auto holder = pawl::detail::hold_source<std::uint64_t>(source);
  const pawl::report report = run_session(run, pawl::detail::make_source(holder));

  measurement found;
  found.seconds = std::chrono::duration<double>(timer::now() - began).count();
  found.items = report.done;
  found.hash = sum;
  return found;
}

}  // namespace bench
