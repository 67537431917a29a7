// One run of a workflow over a source, or over what is unfinished in the state, from the first worker to the report.
#pragma once

#include "run/run_state.hpp"
#include "run/submitted_items.hpp"
#include "run/unfinished.hpp"

#include <pawl/report.hpp>

#include <cstdint>
#include <memory>

namespace pawl::core {

// Blocks until the run is over; the caller's thread is one of the workers. Throws pawl::error where the run
// could not go on; what was acknowledged until then is recorded.
[[nodiscard]] report run_session(run_state& run, const detail::erased_source& source);
[[nodiscard]] report run_session(run_state& run, unfinished_items& source);
// Until what is submitted is closed and has ended.
[[nodiscard]] report run_session(run_state& run, submitted_items& source);
// Until no more items fan out into it and all children have ended. When it has returned or thrown, the queue is to be
// told (fan_queue::end).
[[nodiscard]] report run_session(run_state& run, fan_queue& source);

// The same for a caller who owns the loop. One thread at a time; what waits for a commit is committed on the caller's
// thread where `commits`.
class hosted_session {
public:
  hosted_session(run_state& run, submitted_items& source, bool commits);
  ~hosted_session();
  hosted_session(const hosted_session&) = delete;
  hosted_session& operator=(const hosted_session&) = delete;
  // worker::work_until.
  [[nodiscard]] bool work_until(std::uint64_t until_ns);
  // It was closed or stopped and everything has ended, or its log has failed: finish() returns at once.
  [[nodiscard]] bool over() const;
  // Works until it is over. Once.
  [[nodiscard]] report finish();

private:
  struct parts;
  const std::unique_ptr<parts> parts_;
};

// True on a thread that works for this run right now.
[[nodiscard]] bool works_here_for(const run_state* run) noexcept;

}  // namespace pawl::core
