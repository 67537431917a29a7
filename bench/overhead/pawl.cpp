// pawl itself: the same steps as a workflow, in the default durability.
#include "overhead/work.hpp"

#include <pawl/pawl.hpp>

#include <spdlog/logger.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace bench {
namespace {

using clock = std::chrono::steady_clock;
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

}  // namespace

measurement measure_pawl(const workload& work) {
  const chain workflow = chain_of(work.steps, work.bytes, std::index_sequence<1, 2, 3, 4, 8, 16, 32, 64>{});
  pawl::engine_options options;
  options.workers = work.workers;
  options.window_items = work.in_flight;
  options.logger =
      std::make_shared<spdlog::logger>("overhead");  // without sinks: standard output and error are the bench's
  pawl::engine engine{work.directory / "overhead.pawl", options};

  const auto began = clock::now();
  const auto in_time = [&] {
    return work.seconds_max == 0 || clock::now() - began < std::chrono::duration<double>(work.seconds_max);
  };
  std::uint64_t next = 0;
  const auto source = [&]() -> std::optional<std::uint64_t> {
    if (next == work.items || (next % 256 == 0 && !in_time())) return std::nullopt;
    return key_of(next++, work.keys);
  };
  const pawl::report report = engine.run(workflow, pawl::generate(source, work.items));

  measurement found;
  found.seconds = std::chrono::duration<double>(clock::now() - began).count();
  if (report.done != next)
    throw std::runtime_error("overhead: pawl did not finish all items:\n" + pawl::to_string(report));
  found.items = report.done;
  found.flushes = report.commits;
  for (const auto& [key, value] : engine.results(workflow)) found.hash += hash_of(std::stoull(key), value);
  return found;
}

}  // namespace bench
