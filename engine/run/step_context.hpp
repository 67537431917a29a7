// What a step sees of its call: the engine's side of pawl::context.
#pragma once

#include "record/hash.hpp"
#include "record/key.hpp"
#include "run/item.hpp"
#include "run/loop.hpp"
#include "run/run_state.hpp"

#include <pawl/context.hpp>

#include <algorithm>
#include <atomic>
#include <stop_token>
#include <string>

namespace pawl::core {

class step_context final : public detail::context_source {
public:
  step_context(run_state& run, const active_item& item, const detail::erased_step& step,
               const std::stop_token& token, std::atomic<double>& told, loop_runner& loops)
      : run_(run), item_(item), step_(step), token_(token), told_(told), loops_(loops) {}
  ~step_context() {
    if (has_told_) told_.store(-1.0, std::memory_order_relaxed);
  }
  step_context(const step_context&) = delete;
  step_context& operator=(const step_context&) = delete;

  std::string_view workflow_name() const override { return run_.chain->name; }
  std::string_view step_name() const override { return step_.name; }
  std::string_view key() const override {
    const key_parts parts = split_key(item_.key);
    if (parts.is_text) return parts.text;
    if (key_text_.empty())
      key_text_ = plain_key(is_child_key(item_.key) ? split_child_key(item_.key).own : std::string_view(item_.key));
    return key_text_;
  }
  std::uint32_t attempt() const override { return item_.attempts + 1; }
  std::string idempotency_key() const override {
    return core::idempotency_key(run_.uuid, run_.chain->name, item_.key, step_.name, item_.generation,
                                 item_.input_digest);
  }
  std::stop_token stop_token() const override { return token_; }
  spdlog::logger& logger() const override { return run_.logger; }
  void progress(double fraction) override {
    has_told_ = true;
    told_.store(fraction > 0 ? std::min(fraction, 1.0) : 0.0, std::memory_order_relaxed);
  }

  std::uint64_t round() const override { return round_; }
  void run_rounds(detail::loop_rounds& rounds) override { loops_.run(item_, step_, token_, rounds, round_); }

private:
  run_state& run_;
  const active_item& item_;
  const detail::erased_step& step_;
  const std::stop_token& token_;  // not copied unless the step asks: a copy is an atomic operation on a shared line
  std::atomic<double>& told_;
  loop_runner& loops_;
  std::uint64_t round_ = 0;
  bool has_told_ = false;
  mutable std::string key_text_;  // of a number
};

}  // namespace pawl::core
