// The run of the children of one step, beside the run of their parents: begun and
// stopped with it, on a thread of its own that is one of its workers.
#pragma once

#include "run/fan.hpp"
#include "run/session.hpp"
#include "submit_session.hpp"

#include <pawl/report.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <stop_token>
#include <thread>

namespace pawl::core {

class child_run {
public:
  // Of the children of chain `number` of that step of the parents' run, which must outlive it.
  child_run(std::unique_ptr<begun_run> begun, run_state& parents, std::size_t step, std::size_t number);
  // Stops it, where it is not over.
  ~child_run();
  child_run(const child_run&) = delete;
  child_run& operator=(const child_run&) = delete;

  // When the parents' run has come to its end. Throws what it failed with.
  [[nodiscard]] report finish();

private:
  using on_stop = std::stop_callback<std::function<void()>>;
  void work() noexcept;

  const std::unique_ptr<begun_run> begun_;
  run_state& parents_;
  fan_queue queue_;
  report report_;
  std::exception_ptr failure_;
  const on_stop parents_stop_;   // stops the children
  const on_stop children_stop_;  // and the other way round: parents cannot go on without
  std::thread thread_;           // last: starts when the rest stands
};

}  // namespace pawl::core
