#include "flight/mark.hpp"

#include "flight/recorder.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <utility>

namespace pawl::core {
namespace {

// All marks of the process, for the handler of a fatal signal: it may not take a lock. One that finds no place here is
// not seen by it.
constexpr std::size_t marks_max = 4096;
std::array<std::atomic<flight_mark*>, marks_max> marks{};
std::atomic<std::size_t> marks_end{0};  // all places from here on are empty
static_assert(std::atomic<flight_mark*>::is_always_lock_free);

const std::atomic<std::uint64_t> nobody{0};

void add_mark(flight_mark* mark) noexcept {
  for (std::size_t i = 0; i < marks.size(); ++i) {
    flight_mark* empty = nullptr;
    if (!marks[i].compare_exchange_strong(empty, mark)) continue;
    std::size_t end = marks_end.load();
    while (end <= i && !marks_end.compare_exchange_weak(end, i + 1)) {
    }
    return;
  }
}

void remove_mark(flight_mark* mark) noexcept {
  for (auto& one : marks) {
    flight_mark* expected = mark;
    if (one.compare_exchange_strong(expected, nullptr)) return;
  }
}

}  // namespace

flight_mark::flight_mark(flight_recorder* recorder, workflow_id workflow, revision_id revision, std::size_t worker)
    : slot_(&nowhere_), alone_(&nobody), recorder_(recorder) {
  if (recorder_ == nullptr) return;
  alone_ = &recorder_->alone_until();
  if (flight_slot* const found = recorder_->take_slot()) slot_ = found;
  call_ = slot_->call;
  set(slot_->workflow, workflow);
  set(slot_->revision, revision);
  set(slot_->worker, static_cast<std::uint32_t>(worker));
  add_mark(this);
}

flight_mark::~flight_mark() {
  if (recorder_ == nullptr) return;
  remove_mark(this);
  set(slot_->thread, std::uint32_t{0});
  if (slot_ != &nowhere_) recorder_->give_back(slot_);
}

void flight_mark::set_thread() noexcept {
  ::sigemptyset(&blocked_);
  static_cast<void>(::pthread_sigmask(SIG_BLOCK, nullptr, &blocked_));
  thread_.store(::pthread_self(), std::memory_order_relaxed);
  set(slot_->thread, static_cast<std::uint32_t>(::gettid()));
}

flight_mark* flight_mark::of_this_thread() noexcept {
  flight_mark* innermost = nullptr;
  const std::size_t end = std::min(marks_end.load(), marks.size());
  for (std::size_t i = 0; i < end; ++i) {
    flight_mark* const one = marks[i].load();
    if (one == nullptr || !pthread_equal(one->thread_.load(std::memory_order_relaxed), ::pthread_self())) continue;
    if ((one->slot_->call & 1) == 0) continue;
    if (innermost == nullptr || one->slot_->began_ns >= innermost->slot_->began_ns) innermost = one;
  }
  return innermost;
}

void flight_mark::take_turn(const std::function<bool()>& enough) {
  if (recorder_ != nullptr && turn_ == 0) turn_ = recorder_->take_turn(slot_, enough);
}

void flight_mark::give_turn_back() noexcept { recorder_->end_turn(std::exchange(turn_, 0)); }

int flight_mark::interrupted_by() const noexcept {
  sigset_t now;
  if (::pthread_sigmask(SIG_BLOCK, nullptr, &now) != 0) return 0;
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGALRM, SIGVTALRM, SIGPROF, SIGUSR1, SIGUSR2, SIGXCPU})
    if (::sigismember(&now, signal) == 1 && ::sigismember(&blocked_, signal) == 0) return signal;
  return 0;
}

// First what is certain; then what has to be read out of memory that may be what the crash is about.
void flight_mark::note_fatal(fatal_note what) noexcept {
  flight_slot& slot = *slot_;
  what.call = slot.call;
  set(slot.key_digest, std::uint64_t{0});
  set(slot.key_size, std::uint32_t{0});
  slot.fatal = what;
  std::atomic_signal_fence(std::memory_order_release);
  const std::string* const key = key_.load(std::memory_order_relaxed);
  if (key == nullptr || recorder_ == nullptr || slot.entries != 1) return;
  const auto bytes = std::as_bytes(std::span{key->data(), key->size()});
  if (bytes.size() > max_key_size + 1) return;
  const std::size_t kept = std::min(bytes.size(), flight_key_size);
  std::memcpy(slot.key, bytes.data(), kept);
  set(slot.key_size, static_cast<std::uint32_t>(kept));
  set(slot.key_digest, digest_of(recorder_->uuid(), bytes));
}

}  // namespace pawl::core
