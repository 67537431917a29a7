// How long after a kill -9 an engine is ready again.
//
//   build/bench/open_after_crash --steps-max 2000000
//
// A child runs a workflow over items without end and is killed when so many of
// its steps have been acknowledged that the engine has much to take up. The
// parent then opens the state and times how long it takes until the first step
// of an item that the child never saw is called. What was acknowledged is
// counted on both sides: a run over all items of the child must find it again.
// Prints one JSON object.
#include "support/engine_options.hpp"
#include "support/fresh_directory.hpp"

#include <pawl/pawl.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <iostream>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

namespace fs = std::filesystem;
using clock_type = std::chrono::steady_clock;

// What the child has done so far. Lies in memory that both processes see, and outlives the child.
struct progress {
  std::atomic<std::uint64_t> begun{0};         // keys below this were given to the run
  std::atomic<std::uint64_t> acknowledged{0};  // steps whose next one has started: only then is it known
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

class shared_progress {
public:
  shared_progress() {
    void* room = ::mmap(nullptr, sizeof(progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED) throw std::bad_alloc();
    progress_ = new (room) progress;
  }
  ~shared_progress() { ::munmap(progress_, sizeof(progress)); }
  shared_progress(const shared_progress&) = delete;
  shared_progress& operator=(const shared_progress&) = delete;
  progress& operator*() const noexcept { return *progress_; }
  progress* operator->() const noexcept { return progress_; }

private:
  progress* progress_;
};

// Four steps, each of which makes or passes on a value of so many bytes. Called for each step but an item's first:
// `acknowledged`; for each first one: `first`, with the key.
template <class First, class Acknowledged>
pawl::workflow_of<std::uint64_t, std::string> four_steps(std::size_t bytes, First first, Acknowledged acknowledged) {
  const auto follow = [acknowledged](const std::string& before) {
    acknowledged();
    return before;
  };
  return pawl::workflow<"crash">(pawl::step<"first">([bytes, first](const std::uint64_t& key) {
                                   first(key);
                                   return std::string(bytes, 'r');
                                 }),
                                 pawl::step<"second">(follow), pawl::step<"third">(follow),
                                 pawl::step<"fourth">(follow));
}

[[noreturn]] void run_without_end(const fs::path& state, const pawl::engine_options& options, std::size_t bytes,
                                  progress& seen) noexcept {
  try {
    pawl::engine engine{state, options};
    const auto workflow = four_steps(
        bytes, [](std::uint64_t) {}, [&seen] { seen.acknowledged.fetch_add(1, std::memory_order_relaxed); });
    std::uint64_t next = 0;
    const auto source = [&]() -> std::optional<std::uint64_t> {
      seen.begun.store(next + 1, std::memory_order_relaxed);
      return next++;
    };
    std::cerr << engine.run(workflow, pawl::generate(source)) << '\n';
  } catch (const std::exception& failure) {
    std::cerr << "open_after_crash: the child: " << failure.what() << '\n';
  }
  std::_Exit(1);  // it was to be killed
}

// Has the child done enough to be killed?
bool has_much_to_take_up(const progress& seen, std::uint64_t steps_max) {
  return seen.acknowledged.load(std::memory_order_relaxed) >= steps_max;
}

void run_and_kill(const fs::path& state, const pawl::engine_options& options, std::size_t bytes,
                  std::uint64_t steps_max, progress& seen) {
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("cannot start another process");
  if (child == 0) run_without_end(state, options, bytes, seen);
  while (!has_much_to_take_up(seen, steps_max)) {
    if (::waitpid(child, nullptr, WNOHANG) == child) throw std::runtime_error("the child ended by itself");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

struct times {
  double open_seconds = 0;   // until the engine is there
  double ready_seconds = 0;  // until it calls the first step of a new item
};

times open_again(const fs::path& state, const pawl::engine_options& options, std::size_t bytes, std::uint64_t new_key) {
  const auto began = clock_type::now();
  const auto since = [&] { return std::chrono::duration<double>(clock_type::now() - began).count(); };
  times found;
  pawl::engine engine{state, options};
  found.open_seconds = since();
  const auto workflow = four_steps(
      bytes, [&](std::uint64_t) { found.ready_seconds = since(); }, [] {});
  bool given = false;
  const auto source = [&]() -> std::optional<std::uint64_t> {
    if (given) return std::nullopt;
    given = true;
    return new_key;
  };
  const pawl::report report = engine.run(workflow, pawl::generate(source));
  if (report.done != 1) throw std::runtime_error("the new item was not done:\n" + pawl::to_string(report));
  return found;
}

// The steps that the child's items need not do again.
std::uint64_t steps_found_again(const fs::path& state, const pawl::engine_options& options, std::size_t bytes,
                                std::uint64_t items) {
  pawl::engine engine{state, options};
  const auto workflow = four_steps(
      bytes, [](std::uint64_t) {}, [] {});
  std::uint64_t next = 0;
  const auto source = [&]() -> std::optional<std::uint64_t> {
    if (next == items) return std::nullopt;
    return next++;
  };
  const pawl::report report = engine.run(workflow, pawl::generate(source, items));
  if (report.done != items) throw std::runtime_error("the items were not finished:\n" + pawl::to_string(report));
  return 4 * items - report.steps;
}

// What lies in the state beside LMDB's files: what the engine has yet to move there.
std::uint64_t bytes_beside_lmdb(const fs::path& state) {
  std::uint64_t sum = 0;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(state))
    if (entry.is_regular_file() && entry.path().extension() != ".mdb") sum += entry.file_size();
  return sum;
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"How long an engine takes to be ready after a kill -9"};
  std::uint64_t steps_max = 2'000'000;
  std::size_t bytes = 100;
  fs::path parent = ".";
  pawl::engine_options options = bench::quiet_options();
  app.add_option("--steps-max", steps_max, "Acknowledged steps after which the child is killed")->capture_default_str();
  app.add_option("--bytes", bytes, "Size of each step's result")->capture_default_str();
  bench::add_engine_options(app, options);
  bench::add_directory_option(app, parent);
  CLI11_PARSE(app, argc, argv);

  const bench::fresh_directory directory(parent);
  const fs::path state = directory.path() / "crash.pawl";
  const shared_progress seen;
  run_and_kill(state, options, bytes, steps_max, *seen);
  const std::uint64_t beside = bytes_beside_lmdb(state);
  const times found = open_again(state, options, bytes, seen->begun);
  const std::uint64_t kept = steps_found_again(state, options, bytes, seen->begun);
  if (kept < seen->acknowledged)
    throw std::runtime_error("of " + std::to_string(seen->acknowledged) + " acknowledged steps only " +
                             std::to_string(kept) + " were found again");

  nlohmann::ordered_json json;
  json["steps_acknowledged"] = seen->acknowledged.load();
  json["steps_found_again"] = kept;
  json["in_flight"] = options.window_items;
  json["durability"] = bench::name_of(options.durability);
  json["beside_lmdb_mb"] = static_cast<double>(beside) / 1e6;
  json["open_seconds"] = found.open_seconds;
  json["ready_seconds"] = found.ready_seconds;
  std::cout << json.dump() << '\n';
  return 0;
} catch (const std::exception& failure) {
  std::cerr << "open_after_crash: " << failure.what() << '\n';
  return 1;
}
