// A host that owns its loop: a small particle simulation, drawing nothing, which
// hands finished frames to pawl and gives it a slice of each frame's time.
//
//   build/workflows/embedded [--frames N] [--particles N] [--fps N] [--state DIR]
//
// No thread but the host's calls a step. Kill it at any moment and run it again:
// frames that are done stay done, those that were on their way go on where they
// were, and the simulation, which is the same each time, goes on behind them.
#include <pawl/pawl.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using frame_clock = std::chrono::steady_clock;

namespace {

struct particle {
  float x = 0, y = 0, vx = 0, vy = 0;
};

struct frame {
  std::uint64_t number = 0;
  std::vector<particle> particles;
};

struct moments {
  std::uint64_t number = 0;
  double energy = 0;
  float lowest = 0, highest = 0;
};

auto frames_of() {
  return pawl::workflow<"embedded">(
             pawl::pure<"measure">([](const frame& one) {
               moments of{one.number};
               for (const particle& p : one.particles) {
                 of.energy += 0.5 * static_cast<double>(p.vx * p.vx + p.vy * p.vy);
                 of.lowest = std::min(of.lowest, p.y);
                 of.highest = std::max(of.highest, p.y);
               }
               return of;
             }),
             pawl::step<"file">([](const moments& of) {  // where a program would write to a file or a socket
               return std::to_string(of.number) + ": energy " + std::to_string(of.energy);
             }))
      .key(&frame::number);
}

// Particles that fall, bounce, and are drawn to the middle. The same numbers in every run.
class simulation {
public:
  explicit simulation(std::size_t particles) : now_{0, std::vector<particle>(particles)} {
    std::uint32_t random = 1;
    const auto next = [&random] {
      random = random * 1664525u + 1013904223u;
      return static_cast<float>(random >> 8) / static_cast<float>(1 << 24) - 0.5f;
    };
    for (particle& p : now_.particles) p = {next(), next(), next(), next()};
  }

  void advance() {
    constexpr float dt = 1.0f / 60;
    ++now_.number;
    for (particle& p : now_.particles) {
      p.vx -= p.x * dt;
      p.vy -= 1.0f * dt;
      p.x += p.vx * dt;
      p.y += p.vy * dt;
      if (p.y < -1) {
        p.y = -2 - p.y;
        p.vy = -0.9f * p.vy;
      }
    }
  }
  [[nodiscard]] const frame& now() const noexcept { return now_; }

private:
  frame now_;
};

double quantile(const std::vector<double>& sorted, double share) {
  return sorted.empty() ? 0 : sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

// One poll within the frame's time, and how long it took.
pawl::poll_result timed_poll(pawl::engine& engine, std::vector<double>& times_us) {
  const auto began = frame_clock::now();
  const pawl::poll_result made = engine.poll(200us);
  times_us.push_back(std::chrono::duration<double, std::micro>(frame_clock::now() - began).count());
  return made;
}

}  // namespace

int main(int argc, char** argv) try {
  std::uint64_t frames = 2000;
  std::size_t particles = 200;
  double fps = 0;
  std::string state = "embedded.pawl";
  pawl::engine_options options;
  options.threads = pawl::threads::flusher;
  const std::map<std::string, pawl::threads> kinds = {{"flusher", pawl::threads::flusher}, {"none", pawl::threads::none}};
  CLI::App app{"A simulation that owns its loop and embeds pawl in it."};
  app.add_option("--frames", frames, "how many")->capture_default_str();
  app.add_option("--particles", particles, "how many")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--fps", fps, "frames a second; 0: as fast as it goes")->check(CLI::NonNegativeNumber)->capture_default_str();
  app.add_option("--state", state, "where the engine records what is done")->capture_default_str();
  app.add_option("--threads", options.threads, "of the engine: flusher or none")->transform(CLI::CheckedTransformer(kinds));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  pawl::engine engine{state, options};
  const auto workflow = frames_of();
  simulation world(particles);
  std::vector<double> times_us;
  times_us.reserve(1 << 20);
  std::uint64_t done = 0;
  std::uint64_t waits = 0;  // polls for which the next frame had to wait, because the window was full

  const auto began = frame_clock::now();
  for (std::uint64_t i = 0; i < frames; ++i) {
    world.advance();
    std::optional<pawl::handle<std::string>> submitted;
    while (!(submitted = engine.try_submit(workflow, world.now()))) {  // the window is full
      timed_poll(engine, times_us);
      ++waits;
    }
    submitted->then([&done](const pawl::handle<std::string>& filed) { done += filed.state() == pawl::item_state::done; });
    timed_poll(engine, times_us);
    if (fps > 0) {
      const std::chrono::duration<double> due(static_cast<double>(i + 1) / fps);
      std::this_thread::sleep_until(began + std::chrono::duration_cast<frame_clock::duration>(due));
    }
  }
  while (timed_poll(engine, times_us).in_flight != 0) std::this_thread::sleep_for(100us);
  const pawl::report report = engine.close(workflow);

  std::sort(times_us.begin(), times_us.end());
  std::cout << report << '\n'
            << "frames: " << frames << ", items done: " << done << " (of them " << report.settled_before
            << " in an earlier run, " << report.resumed << " resumed), polls: " << times_us.size()
            << ", of them waiting for room: " << waits << '\n'
            << "poll us: p50 " << quantile(times_us, 0.5) << ", p99 " << quantile(times_us, 0.99) << ", p99.9 "
            << quantile(times_us, 0.999) << ", max " << quantile(times_us, 1) << '\n';
  return done == frames ? 0 : 1;
} catch (const pawl::error& error) {
  std::cerr << "embedded: " << error.what() << '\n';
  return 2;
}
