// The watch of a run: one thread for whatever has to happen at a time of its own:
// time-outs of steps, the progress callback, signals, a look at other processes. It runs only where one of
// them is asked for.
#pragma once

#include "run/run_state.hpp"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace pawl::core {

// The time limit of the attempt that a worker is executing. One per worker.
class attempt_timer {
public:
  // Starts a limit; the token is requested when it is over, or when the run stops.
  [[nodiscard]] std::stop_token start(std::uint64_t due_ns);
  // The attempt ended. True where its limit was over before.
  bool end();

private:
  friend class watch;
  std::mutex mutex_;
  std::stop_source source_;
  std::uint64_t due_ns_ = 0;  // 0: none
  bool expired_ = false;
};

class watch {
public:
  // `report_progress` may be null; it is called about every `interval_ns`, and not after stop().
  // `signalled` may be null; once it gives true the run is stopped. `beat` may be null; it is called with the time, ten
  // times a second or more often.
  watch(run_state& run, std::vector<attempt_timer*> timers, std::function<void()> report_progress,
        std::uint64_t interval_ns, std::function<bool()> signalled, std::function<void(std::uint64_t)> beat = nullptr);
  ~watch() { stop(); }
  watch(const watch&) = delete;
  watch& operator=(const watch&) = delete;

  // A limit was started: look at the timers again.
  void look();
  void stop();

private:
  void loop();
  [[nodiscard]] std::uint64_t expire_timers(std::uint64_t now_ns);

  run_state& run_;
  const std::vector<attempt_timer*> timers_;
  const std::function<void()> report_progress_;
  const std::uint64_t interval_ns_;
  const std::function<bool()> signalled_;
  const std::function<void(std::uint64_t)> beat_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool looked_ = false;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace pawl::core
