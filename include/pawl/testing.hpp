// For unit tests of steps: a context without an engine.
#pragma once

#include <pawl/context.hpp>

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>

namespace pawl {

namespace detail {

/// Set the fields as the test wants them; the engine has no part in it.
struct test_context_source final : context_source {
  std::string workflow = "test";
  std::string step = "test";
  std::string item_key = "item";
  std::uint32_t number_of_attempt = 1;
  std::string idempotency = "00000000000000000000000000000000";
  std::stop_source stop;
  double last_progress = 0;
  std::uint64_t rounds_done = 0;

  [[nodiscard]] std::string_view workflow_name() const override { return workflow; }
  [[nodiscard]] std::string_view step_name() const override { return step; }
  [[nodiscard]] std::string_view key() const override { return item_key; }
  [[nodiscard]] std::uint32_t attempt() const override { return number_of_attempt; }
  [[nodiscard]] std::string idempotency_key() const override { return idempotency; }
  [[nodiscard]] std::stop_token stop_token() const override { return stop.get_token(); }
  [[nodiscard]] spdlog::logger& logger() const override;  // spdlog's default logger; compiled: engine/testing/
  void progress(double fraction) override { last_progress = fraction; }
  [[nodiscard]] std::uint64_t round() const override { return rounds_done; }
  void run_rounds(loop_rounds& rounds) override;  // one after the other, without checkpoints
};
/// A base, so that it is made before the context that refers to it.
struct test_context_holder {
  test_context_source source;
};

}  // namespace detail

/// A context for calling one step alone: `pawl::test_context ctx; write(record, ctx);`.
/// Everything that the step may ask for can be set before, and what it reported read
/// after. logger() is spdlog's default logger. One thread at a time, but for
/// request_stop().
class test_context : private detail::test_context_holder, public context {
public:
  test_context() : context(source) {}

  test_context& with_key(std::string_view text) { return source.item_key = text, *this; }
  test_context& with_attempt(std::uint32_t number) { return source.number_of_attempt = number, *this; }
  test_context& with_idempotency_key(std::string_view digits) { return source.idempotency = digits, *this; }
  /// What a time-out or a stop of the run does.
  void request_stop() { source.stop.request_stop(); }
  /// The last fraction that the step reported; 0 before.
  [[nodiscard]] double reported_progress() const { return source.last_progress; }
};

}  // namespace pawl
