#include "run/signals.hpp"

#include <atomic>

namespace pawl::core {
namespace {

// Process-wide, as signal handlers are. Lock-free, so that the handler may set it.
std::atomic<bool> was_received{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void on_signal(int) { was_received.store(true, std::memory_order_relaxed); }

}  // namespace

signal_guard::signal_guard() {
  was_received.store(false, std::memory_order_relaxed);
  struct sigaction ours {};
  ours.sa_handler = on_signal;
  ours.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  ::sigemptyset(&ours.sa_mask);
  ::sigaction(SIGINT, &ours, &before_int_);
  ::sigaction(SIGTERM, &ours, &before_term_);
}

signal_guard::~signal_guard() {
  ::sigaction(SIGINT, &before_int_, nullptr);
  ::sigaction(SIGTERM, &before_term_, nullptr);
}

bool signal_guard::received() noexcept { return was_received.load(std::memory_order_relaxed); }

}  // namespace pawl::core
