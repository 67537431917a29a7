// The sessions of an engine: found by the name of their workflow, opened by the
// first submission, polled in turn.
#pragma once

#include "submit_session.hpp"

#include <pawl/engine.hpp>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace pawl::core {

class submissions {
public:
  using chain_ptr = std::shared_ptr<const detail::chain>;
  // `begin`: a run of this workflow begins, with these options. Throws where it cannot.
  submissions(backend& store, const engine_options& options,
              std::function<std::unique_ptr<begun_run>(const chain_ptr&, const run_options&)> begin);
  // Ends all sessions; what has not ended resolves as it is recorded. Nothing may be called afterwards.
  void end();

  // As the members of pawl::engine.
  void open(const chain_ptr& chain, const run_options& options);
  [[nodiscard]] report close(const detail::chain& chain);
  [[nodiscard]] detail::submission_ref submit(const chain_ptr& chain, const detail::erased_input& input, bool may_wait);
  [[nodiscard]] detail::submission_ref find(const chain_ptr& chain, const std::string& typed_key);
  [[nodiscard]] poll_result poll(seconds budget);

private:
  using session_ptr = std::shared_ptr<submit_session>;
  [[nodiscard]] session_ptr session_of(const detail::chain& chain);
  [[nodiscard]] session_ptr make(const chain_ptr& chain, const run_options& options);
  [[nodiscard]] detail::submission_ref recorded(const chain_ptr& chain, const std::string& typed_key, item_id& id);

  backend& store_;
  const threads threads_;
  const pawl::durability durability_;
  const std::function<std::unique_ptr<begun_run>(const chain_ptr&, const run_options&)> begin_;
  const std::shared_ptr<state_door> door_;
  std::mutex mutex_;  // sessions_
  std::mutex opening_;
  std::map<std::string, session_ptr> sessions_;
  std::atomic<bool> polling_{false};
  std::atomic<std::uint64_t> changes_{0};  // of sessions_
  // Whoever polls:
  std::vector<session_ptr> polled_;
  std::uint64_t polled_changes_ = 0;       // of sessions_, when polled_ was made
  std::size_t turn_ = 0;
};

}  // namespace pawl::core
