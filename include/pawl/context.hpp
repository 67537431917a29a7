// What a step may know of the moment in which it is called.
//
// A step that wants it takes `pawl::context&`. The engine implements
// detail::context_source; this header knows nothing of the engine.
#pragma once

#include <pawl/outcome.hpp>

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>

namespace spdlog {
class logger;
}

namespace pawl::detail {

struct loop_rounds;
struct loop_access;

/// What stands behind a context. One per call of a step; called by the step's thread only.
class context_source {
public:
  [[nodiscard]] virtual std::string_view workflow_name() const = 0;
  [[nodiscard]] virtual std::string_view step_name() const = 0;
  [[nodiscard]] virtual std::string_view key() const = 0;
  [[nodiscard]] virtual std::uint32_t attempt() const = 0;
  [[nodiscard]] virtual std::string idempotency_key() const = 0;
  [[nodiscard]] virtual std::stop_token stop_token() const = 0;
  [[nodiscard]] virtual spdlog::logger& logger() const = 0;
  virtual void progress(double fraction) = 0;
  [[nodiscard]] virtual std::uint64_t round() const { return 0; }
  /// Calls rounds until one is the last, from the state's last checkpoint on. Throws what a round throws.
  virtual void run_rounds(loop_rounds& rounds) = 0;

protected:
  context_source() = default;
  context_source(const context_source&) = default;
  context_source& operator=(const context_source&) = default;
  ~context_source() = default;
};

}  // namespace pawl::detail

namespace pawl {

/// The call of one step for one item. Lives until the step returns: keep neither it
/// nor a view that it gave. Only the thread that calls the step may use it; a
/// stop_token obtained from it may be handed on to other threads.
class context {
public:
  explicit context(detail::context_source& source) : source_(&source) {}
  context(const context&) = delete;
  context& operator=(const context&) = delete;

  [[nodiscard]] std::string_view workflow_name() const { return source_->workflow_name(); }
  [[nodiscard]] std::string_view step_name() const { return source_->step_name(); }

  /// The item's key: a text key is the text itself, byte by byte; an integer key is its decimal digits.
  [[nodiscard]] std::string_view key() const { return source_->key(); }

  /// Which call of this step for this item it is, counting from 1. A run that goes on with an item in the middle of
  /// its retries counts on; a run that takes up a failed item begins again at 1.
  [[nodiscard]] std::uint32_t attempt() const { return source_->attempt(); }

  /// 32 lower-case hex digits, to hand to whatever the step has an effect on: the same for every attempt of
  /// this step for this item, in this run and later ones, and different from every other step's and item's.
  /// A deliberate rerun or a changed input gives a new one.
  [[nodiscard]] std::string idempotency_key() const { return source_->idempotency_key(); }

  /// Requested when the step's time-out is over or the run was asked to stop. Cooperative: nobody interrupts a
  /// step that does not look.
  [[nodiscard]] std::stop_token stop_token() const { return source_->stop_token(); }
  [[nodiscard]] bool stop_requested() const { return source_->stop_token().stop_requested(); }
  /// Throws pawl::step_stopped where stop_requested(). Let it pass through the step.
  void throw_if_stopped() const {
    if (stop_requested()) throw step_stopped();
  }

  /// The engine's logger; include <spdlog/spdlog.h> to write to it.
  [[nodiscard]] spdlog::logger& logger() const { return source_->logger(); }

  /// How much of this call is done, 0 to 1 (clamped; NaN counts as 0). For people who watch: it goes
  /// into pawl::progress::step_fraction and is recorded nowhere.
  void progress(double fraction) { source_->progress(fraction); }

  /// In a pawl::loop: how many rounds the state has behind it, those of earlier runs included; so 0 in the first one.
  /// In other steps 0.
  [[nodiscard]] std::uint64_t round() const { return source_->round(); }

private:
  friend detail::loop_access;
  detail::context_source* source_;
};

}  // namespace pawl
