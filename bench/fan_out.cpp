// One item with a million children: does memory stay flat, and what runs again after a kill halfway?
//
//   build/bench/fan_out --children 1000000
//
// Children have two steps that do nothing. The first run is let alone, and its anonymous memory (heap and stacks; LMDB's
// mapped pages do not count) is watched. A second state is given to another process, which is killed when half of the
// children have entered their last step; then this process goes on. How often each step of each child was called stands
// in memory that both share. Prints one JSON object; ends with 1 where memory was above --max-mb, or a child ran again
// that had got past the step.
#include "support/engine_options.hpp"
#include "support/fresh_directory.hpp"
#include "support/process.hpp"

#include <pawl/pawl.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <vector>

namespace {

constexpr std::size_t steps = 2;

// By child and step: how often it was called. Shared with the process that is killed.
class call_counts {
public:
  explicit call_counts(std::uint64_t children) : size_(children * steps) {
    void* memory = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("no memory to share");
    counts_ = static_cast<std::atomic<std::uint8_t>*>(memory);
  }
  ~call_counts() { ::munmap(counts_, size_); }
  call_counts(const call_counts&) = delete;
  call_counts& operator=(const call_counts&) = delete;
  std::atomic<std::uint8_t>& of(std::uint64_t child, std::size_t step) const { return counts_[child * steps + step]; }

private:
  std::atomic<std::uint8_t>* counts_;
  const std::size_t size_;
};

// `kill_at`: this process, when so many children have entered their last step; 0: never.
pawl::report run(const std::filesystem::path& state, const pawl::engine_options& options, std::uint64_t children,
                 bool reproducible, const call_counts* counts, std::uint64_t kill_at) {
  std::atomic<std::uint64_t> entered{0};
  const auto called = [&](std::uint64_t child, std::size_t step) {
    if (counts != nullptr) ++counts->of(child, step);
    if (step + 1 == steps && ++entered == kill_at) ::kill(::getpid(), SIGKILL);
    return child;
  };
  const auto row = pawl::workflow<"row">(pawl::step<"read">([&](std::uint64_t n) { return called(n, 0); }),
                                         pawl::step<"write">([&](std::uint64_t n) { return called(n, 1); }));
  auto rows = pawl::each<"rows">([&](int) {
    return pawl::generate([children, next = std::uint64_t{0}]() mutable -> std::optional<std::uint64_t> {
      return next == children ? std::nullopt : std::optional(next++);
    });
  }, row);
  const auto import = pawl::workflow<"import">(reproducible ? std::move(rows).reproducible() : std::move(rows));
  pawl::engine engine{state, options};
  const pawl::report made = engine.run(import, std::vector<int>{1});
  if (made.done != 1 || made.children.at(0).done != children)
    throw std::runtime_error("not all children came through:\n" + pawl::to_string(made));
  return made;
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"One item with many children: memory, speed, and what a kill costs"};
  std::uint64_t children = 1'000'000;
  double max_mb = 250;
  bool reproducible = false;
  std::filesystem::path parent = ".";
  pawl::engine_options options = bench::quiet_options();
  app.add_option("--children", children, "Children of the one item")->check(CLI::Range(2, 1 << 30))->capture_default_str();
  app.add_option("--max-mb", max_mb, "Anonymous memory that is too much")->capture_default_str();
  app.add_flag("--reproducible", reproducible, "The step says that its keys are");
  bench::add_engine_options(app, options);
  bench::add_directory_option(app, parent);
  CLI11_PARSE(app, argc, argv);
  const bench::fresh_directory directory(parent);

  // Forked before this process has threads.
  const call_counts counts(children);
  const std::filesystem::path killed_state = directory.path() / "killed.pawl";
  const pid_t victim = ::fork();
  if (victim == 0) {
    try {
      static_cast<void>(run(killed_state, options, children, reproducible, &counts, children / 2));
    } catch (const std::exception& failure) {
      std::cerr << "fan_out: " << failure.what() << '\n';
    }
    ::_exit(1);
  }
  int status = 0;
  if (victim < 0 || ::waitpid(victim, &status, 0) != victim || !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
    throw std::runtime_error("the process that was to be killed ended by itself");

  nlohmann::ordered_json json;
  json["children"] = children;
  json["reproducible"] = reproducible;
  json["in_flight"] = options.window_items;
  json["workers"] = options.workers;
  json["durability"] = bench::name_of(options.durability);
  double most_mb = 0;
  const auto note = [&](const char* name, const pawl::report& made, std::uint64_t peak) {
    json[name]["seconds"] = made.seconds;
    json[name]["children_per_second"] = static_cast<double>(children) / made.seconds;
    json[name]["done_before"] = made.children[0].settled_before;
    json[name]["peak_anon_mb"] = static_cast<double>(peak) / 1e6;
    most_mb = std::max(most_mb, static_cast<double>(peak) / 1e6);
  };

  std::vector<bool> past_first(children);  // before the kill the last step had begun: the first one was acknowledged
  std::vector<bool> in_last(children);
  for (std::uint64_t n = 0; n < children; ++n) past_first[n] = in_last[n] = counts.of(n, 1) != 0;
  {
    bench::memory_watch watch;
    const pawl::report resumed = run(killed_state, options, children, reproducible, &counts, 0);
    note("after_the_kill", resumed, watch.take_peak());
  }
  std::uint64_t again = 0;       // what was acknowledged
  std::uint64_t last_again = 0;  // what was in flight at the kill, or acknowledged
  for (std::uint64_t n = 0; n < children; ++n) {
    if (past_first[n] && counts.of(n, 0) != 1) ++again;
    if (in_last[n] && counts.of(n, 1) != 1) ++last_again;
  }
  json["after_the_kill"]["acknowledged_steps_run_again"] = again;
  json["after_the_kill"]["last_steps_run_again"] = last_again;
  {
    bench::memory_watch watch;
    const pawl::report whole = run(directory.path() / "whole.pawl", options, children, reproducible, nullptr, 0);
    note("undisturbed", whole, watch.take_peak());
  }
  std::cout << json.dump() << '\n';
  if (again != 0 || last_again > options.window_items) throw std::runtime_error("finished children ran again");
  if (most_mb > max_mb) throw std::runtime_error("memory grew above " + std::to_string(max_mb) + " MB");
  return 0;
} catch (const std::exception& failure) {
  std::cerr << "fan_out: " << failure.what() << '\n';
  return 1;
}
