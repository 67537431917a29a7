#include "flight/crash_handlers.hpp"

#include "flight/mark.hpp"
#include "flight/recorder.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <new>

namespace pawl::core {
namespace {

constexpr std::array handled{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};

std::mutex installing;
std::size_t installed = 0;                                 // under the lock
std::array<struct sigaction, handled.size()> before{};     // set before ours is installed
std::array<std::atomic<bool>, handled.size()> is_ours{};
std::array<bool, handled.size()> is_below{};               // others were installed on top, and may call ours
std::atomic<pid_t> owner{0};                               // children of a fork inherit handlers and mapping
std::array<std::atomic<flight_recorder*>, 64> recorders{}; // get what no call can be told of

std::size_t place_of_signal(int signal) noexcept {
  return static_cast<std::size_t>(std::find(handled.begin(), handled.end(), signal) - handled.begin());
}

// Did this thread bring it about by what it executed? Not where memory of the machine has gone bad (BUS_MCEERR).
fatal_cause cause_of(int signal, const siginfo_t& info) noexcept {
  if (signal == SIGBUS && (info.si_code == BUS_MCEERR_AR || info.si_code == BUS_MCEERR_AO)) return fatal_cause::sent;
  if (info.si_code > 0) return fatal_cause::fault;
  const bool by_thread = info.si_code == SI_TKILL && info.si_pid == ::getpid();  // abort(), raise()
  return by_thread ? fatal_cause::fault : fatal_cause::sent;
}

void note_in_headers(const fatal_note& what) noexcept {
  for (const auto& one : recorders)
    if (flight_recorder* const recorder = one.load()) recorder->note_death(what);
}

// Returns the mark that took the note; null where the headers did.
flight_mark* note(const fatal_note& what) noexcept {
  flight_mark* const mark = what.cause == fatal_cause::sent ? nullptr : flight_mark::of_this_thread();
  if (mark != nullptr) mark->note_fatal(what);
  else note_in_headers(what);
  return mark;
}

void install_default(int signal) noexcept {
  struct sigaction fallback {};
  fallback.sa_handler = SIG_DFL;
  ::sigemptyset(&fallback.sa_mask);
  ::sigaction(signal, &fallback, nullptr);
}

void on_fatal(int signal, siginfo_t* info, void* where);

bool is_installed(int signal) noexcept {
  struct sigaction now {};
  return ::sigaction(signal, nullptr, &now) == 0 && (now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == on_fatal;
}

bool is_function(const struct sigaction& one) noexcept {
  return (one.sa_flags & SA_SIGINFO) != 0 || (one.sa_handler != SIG_DFL && one.sa_handler != SIG_IGN);
}

void call_before(const struct sigaction& one, int signal, siginfo_t* info, void* where) noexcept {
  if ((one.sa_flags & static_cast<int>(SA_RESETHAND)) != 0) install_default(signal);
  if ((one.sa_flags & SA_SIGINFO) != 0) one.sa_sigaction(signal, info, where);
  else one.sa_handler(signal);
}

// What follows is what would have happened without us.
void on_fatal(int signal, siginfo_t* info, void* where) {
  const int saved = errno;
  const std::size_t place = place_of_signal(signal);
  const struct sigaction& next = before[place];
  const bool by_kernel = info->si_code > 0;
  const bool is_ignored = !is_function(next) && next.sa_handler == SIG_IGN && !by_kernel;
  flight_mark* mark = nullptr;
  if (is_ours[place].load() && !is_ignored && owner.load() == ::getpid()) {
    const fatal_cause cause = cause_of(signal, *info);
    mark = note({0, cause, static_cast<std::uint32_t>(signal), info->si_code,
                 by_kernel ? 0 : static_cast<std::uint32_t>(info->si_pid),
                 by_kernel ? reinterpret_cast<std::uint64_t>(info->si_addr) : 0});
  }
  if (is_function(next)) {
    call_before(next, signal, info, where);
    // It came back and left us in our place: it has mended what was wrong, and nobody dies.
    if (is_installed(signal)) {
      if (mark != nullptr) mark->clear_fatal();
      else note_in_headers({});
    }
  } else if (!is_ignored) {
    install_default(signal);
    // A faulting instruction is executed again and faults again. What does not come again by itself is sent again; it is
    // blocked until we return.
    if (!by_kernel || signal == SIGTRAP || signal == SIGSYS) ::raise(signal);
  }
  errno = saved;
}

// exit() in a step takes the process down, too. Not so in the handler of a signal that asked the process to end, which the
// kernel may run on any thread.
void on_exit() noexcept {
  const flight_mark* const mark = owner.load() == ::getpid() ? flight_mark::of_this_thread() : nullptr;
  if (mark == nullptr) return;
  const int signal = mark->interrupted_by();
  if (signal == 0) static_cast<void>(note({0, fatal_cause::exited, 0, 0, 0, 0}));
  else static_cast<void>(note({0, fatal_cause::sent, static_cast<std::uint32_t>(signal), exit_in_handler, 0, 0}));
}

void install() noexcept {
  static const int at_exit = std::atexit(on_exit);
  static const int at_quick_exit = std::at_quick_exit(on_exit);
  static_cast<void>(at_exit), static_cast<void>(at_quick_exit);
  owner.store(::getpid());
  for (std::size_t i = 0; i < handled.size(); ++i) {
    struct sigaction now {};
    if (::sigaction(handled[i], nullptr, &now) != 0) continue;
    // Installed twice, and called by whoever is on top, it would call itself.
    if (is_installed(handled[i]) || (is_below[i] && is_function(now))) {
      is_ours[i].store(true);
      continue;
    }
    before[i] = now;
    struct sigaction ours {};
    ours.sa_sigaction = on_fatal;
    ours.sa_mask = before[i].sa_mask;
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK | (before[i].sa_flags & (SA_NODEFER | SA_RESTART));
    is_ours[i].store(::sigaction(handled[i], &ours, nullptr) == 0);
  }
}

void uninstall() noexcept {
  for (std::size_t i = 0; i < handled.size(); ++i) {
    is_ours[i].store(false);
    is_below[i] = !is_installed(handled[i]);
    if (!is_below[i]) ::sigaction(handled[i], &before[i], nullptr);
  }
  owner.store(0);
}

}  // namespace

crash_handlers::crash_handlers(flight_recorder& recorder) : recorder_(recorder), process_(::getpid()) {
  const std::scoped_lock lock(installing);
  if (const pid_t whose = owner.load(); whose != 0 && whose != process_) {  // a parent's, who forked with an engine open
    for (auto& one : recorders) one.store(nullptr);
    installed = 0;
  }
  for (auto& one : recorders) {
    flight_recorder* empty = nullptr;
    if (one.compare_exchange_strong(empty, &recorder_)) break;
  }
  if (installed++ == 0) install();
}

crash_handlers::~crash_handlers() {
  if (process_ != ::getpid()) return;
  const std::scoped_lock lock(installing);
  for (auto& one : recorders) {
    flight_recorder* expected = &recorder_;
    if (one.compare_exchange_strong(expected, nullptr)) break;
  }
  if (--installed == 0) uninstall();
}

signal_stack::signal_stack(bool wanted) {
  if (!wanted || ::sigaltstack(nullptr, &before_) != 0 || (before_.ss_flags & SS_DISABLE) == 0) return;
  const std::size_t size = std::max<std::size_t>(static_cast<std::size_t>(SIGSTKSZ), 64 * 1024);
  memory_.reset(new (std::nothrow) std::byte[size]);
  if (!memory_) return;
  stack_t ours{};
  ours.ss_sp = memory_.get();
  ours.ss_size = size;
  if (::sigaltstack(&ours, nullptr) != 0) memory_.reset();
}

signal_stack::~signal_stack() {
  if (!memory_) return;
  stack_t now{};
  if (::sigaltstack(nullptr, &now) == 0 && now.ss_sp == memory_.get()) ::sigaltstack(&before_, nullptr);
}

}  // namespace pawl::core
