// pawl itself: the same steps as a workflow.
//
// Two clocks: one stops when run() returns, so that everything is as durable as
// was asked for; the other one when the engine is gone, which moves what is left
// in its journal to LMDB. What is read for the hash is read by another engine.
#include "overhead/stopwatch.hpp"
#include "overhead/work.hpp"

#include <pawl/pawl.hpp>

#include <spdlog/logger.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace bench {
namespace {

using chain = pawl::workflow_of<std::uint64_t, std::string>;

// "s00", "s01", ...
template <std::size_t Place>
consteval auto name() {
  const char letters[] = {'s', static_cast<char>('0' + Place / 10), static_cast<char>('0' + Place % 10), 0};
  return pawl::detail::fixed_string(letters);
}

struct follow {
  std::string operator()(const std::string& before) const { return next_step(before); }
};

template <std::size_t... More>
chain make_chain(std::size_t bytes, std::index_sequence<More...>) {
  return pawl::workflow<"overhead">(
      pawl::step<name<0>()>([bytes](const std::uint64_t& key) { return first_step(key, bytes); }),
      pawl::step<name<More + 1>()>(follow{})...);
}

// A chain is fixed when the program is compiled: these lengths are there.
template <std::size_t... Lengths>
chain chain_of(unsigned steps, std::size_t bytes, std::index_sequence<Lengths...>) {
  std::optional<chain> made;
  ((steps == Lengths ? void(made.emplace(make_chain(bytes, std::make_index_sequence<Lengths - 1>{}))) : void()), ...);
  if (made) return *std::move(made);
  std::string there;
  ((there += ' ' + std::to_string(Lengths)), ...);
  throw std::invalid_argument("overhead: pawl is compiled for chains of" + there + " steps here, not of " +
                              std::to_string(steps));
}

pawl::engine_options options_of(const workload& work) {
  pawl::engine_options options;
  options.durability = work.durability == durability::power ? pawl::durability::power : pawl::durability::process;
  options.workers = work.workers;
  options.window_items = work.in_flight;
  // Without sinks: standard output and error are the bench's.
  options.logger = std::make_shared<spdlog::logger>("overhead");
  return options;
}

}  // namespace

measurement measure_pawl(const workload& work) {
  const chain workflow = chain_of(work.steps, work.bytes, std::index_sequence<1, 2, 3, 4, 8, 16, 32, 64>{});
  const std::filesystem::path state = work.directory / "overhead.pawl";
  measurement found;
  std::optional<pawl::engine> engine(std::in_place, state, options_of(work));

  const stopwatch watch(work.seconds_max);
  std::uint64_t next = 0;
  const auto source = [&]() -> std::optional<std::uint64_t> {
    if (next == work.items || (next % 16 == 0 && !watch.in_time())) return std::nullopt;
    return key_of(next++, work.keys);
  };
  const pawl::report report = engine->run(workflow, pawl::generate(source, work.items));
  found.seconds = watch.seconds();
  engine.reset();
  found.drained_seconds = watch.seconds();
  found.bytes_written = watch.bytes_written();

  if (report.done != next)
    throw std::runtime_error("overhead: pawl did not finish all items:\n" + pawl::to_string(report));
  found.items = report.done;
  found.flushes = report.commits;
  const pawl::engine reopened{state, options_of(work)};
  for (const auto& [key, value] : reopened.results(workflow)) found.hash += hash_of(std::stoull(key), value);
  return found;
}

}  // namespace bench
