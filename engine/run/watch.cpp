#include "run/watch.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <chrono>

namespace pawl::core {
namespace {

constexpr std::uint64_t longest_sleep_ns = 100'000'000;  // so that a signal or a stop of the run is noticed soon

}  // namespace

std::stop_token attempt_timer::start(std::uint64_t due_ns) {
  const std::scoped_lock lock(mutex_);
  // Where it has expired, the watch may be about to request it.
  if (expired_ || source_.stop_requested()) source_ = std::stop_source{};
  due_ns_ = due_ns;
  expired_ = false;
  return source_.get_token();
}

bool attempt_timer::end() {
  const std::scoped_lock lock(mutex_);
  due_ns_ = 0;
  return expired_;
}

watch::watch(run_state& run, std::vector<attempt_timer*> timers, std::function<void()> report_progress,
             std::uint64_t interval_ns, std::function<bool()> signalled, std::function<void(std::uint64_t)> beat)
    : run_(run),
      timers_(std::move(timers)),
      report_progress_(std::move(report_progress)),
      interval_ns_(std::max<std::uint64_t>(interval_ns, 1'000'000)),
      signalled_(std::move(signalled)),
      beat_(std::move(beat)),
      thread_([this] { loop(); }) {}

void watch::look() {
  {
    const std::scoped_lock lock(mutex_);
    looked_ = true;
  }
  changed_.notify_one();
}

void watch::stop() {
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void watch::loop() {
  std::uint64_t next_progress = report_progress_ ? run_.time.now_ns() + interval_ns_ : never;
  for (;;) {
    const std::uint64_t now = run_.time.now_ns();
    if (signalled_ && signalled_()) run_.stop();
    if (beat_) beat_(now);
    const std::uint64_t next_timer = expire_timers(now);
    if (now >= next_progress) {
      try {
        report_progress_();
      } catch (...) {
        run_.fail(std::make_exception_ptr(
            error(errc::callback_failed, "run: the progress callback threw; the run was stopped, nothing is lost")));
        next_progress = never;
      }
      if (next_progress != never) next_progress = run_.time.now_ns() + interval_ns_;
    }
    std::unique_lock lock(mutex_);
    if (ending_) return;
    const std::uint64_t due = std::min({next_timer, next_progress, now + longest_sleep_ns});
    if (due > now) changed_.wait_for(lock, std::chrono::nanoseconds(due - now), [this] { return looked_ || ending_; });
    looked_ = false;
    if (ending_) return;
  }
}

// Requests the stop of every attempt whose limit is over, and of all once the run stops. Returns when the next is due.
std::uint64_t watch::expire_timers(std::uint64_t now_ns) {
  std::uint64_t next = never;
  const bool stopping = run_.stopping();
  for (attempt_timer* timer : timers_) {
    std::stop_source expired{std::nostopstate};
    {
      const std::scoped_lock lock(timer->mutex_);
      if (timer->due_ns_ == 0) continue;
      if (timer->due_ns_ <= now_ns && !timer->expired_) {
        timer->expired_ = true;
        expired = timer->source_;
      } else if (stopping) {
        expired = timer->source_;
      } else if (!timer->expired_) {
        next = std::min(next, timer->due_ns_);
      }
    }
    // Outside the lock: callbacks of the token run here.
    if (expired.stop_possible()) expired.request_stop();
  }
  return next;
}

}  // namespace pawl::core
