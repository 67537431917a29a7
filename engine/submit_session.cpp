#include "submit_session.hpp"

#include <pawl/error.hpp>

#include <limits>
#include <utility>

namespace pawl::core {

void throw_no_thread(const std::system_error& failure) {
  throw error(errc::io, std::string("run: a thread could not be had from the system: ") + failure.what() +
                            "; raise the limit on threads and run again");
}

submit_session::submit_session(std::unique_ptr<begun_run> begun, std::shared_ptr<submission_pool> pool, threads how)
    : how_(how),
      pool_(std::move(pool)),
      begun_(std::move(begun)),
      run_(&begun_->state()),
      queue_(*run_, pool_) {
  if (how_ != threads::workers) {
    hosted_ = std::make_unique<hosted_session>(*run_, queue_, how_ == threads::none);
    return;
  }
  try {
    thread_ = std::thread([this] { work_to_the_end([this] { return run_session(*run_, queue_); }); });
  } catch (const std::system_error& failure) {
    throw_no_thread(failure);
  }
}

submit_session::~submit_session() {
  stop();
  if (hosted_) work_to_the_end([this] { return hosted_->finish(); });
  if (thread_.joinable()) thread_.join();
}

void submit_session::work_to_the_end(const std::function<report()>& work) {
  if (over_.load(std::memory_order_acquire)) return;
  try {
    report_ = begun_->conclude(work);
  } catch (...) {
    failure_ = std::current_exception();
  }
  queue_.end(failure_);
  if (hosted_) hosted_.reset();  // else close() may be looking at it on another thread
  const std::scoped_lock lock(run_mutex_);
  over_.store(true, std::memory_order_release);
  begun_.reset();  // last: the engine may be gone right after it, where that waited for this run
}

void submit_session::stop() noexcept {
  const std::scoped_lock lock(run_mutex_);
  if (begun_) run_->stop();
}

// Whoever waits for room where room is made by nobody else would wait for ever.
void submit_session::reserve_or_throw() {
  const bool may_wait = how_ == threads::workers && !works_here_for(run_);
  if (queue_.reserve(may_wait)) return;
  throw error(errc::window_full,
              "submit: workflow '" + chain()->name + "': the window is full, and " +
                  (how_ == threads::workers ? "a step or a callback must not wait for room in its own session"
                                            : "without worker threads nobody makes room while this waits: poll") +
                  "; use try_submit, or a larger engine_options::window_items");
}

detail::submission_ref submit_session::submit(const detail::erased_input& input, bool may_wait) {
  if (may_wait) reserve_or_throw();
  else if (!queue_.reserve(false)) return {};
  return queue_.add(input);
}

detail::submission_ref submit_session::take_up(std::string_view typed_key, item_id id) {
  reserve_or_throw();
  return queue_.add(typed_key, id);
}

report submit_session::close() {
  if (works_here_for(run_))
    throw error(errc::bad_argument, "close: a step or a callback of workflow '" + chain()->name +
                                        "' cannot close the session that it runs in; use engine.stop()");
  if (closing_.exchange(true))
    throw error(errc::bad_argument, "close: the session of workflow '" + chain()->name + "' is being closed already");
  queue_.close("it is being closed");
  if (hosted_) work_to_the_end([this] { return hosted_->finish(); });
  if (thread_.joinable()) thread_.join();
  if (failure_) std::rethrow_exception(failure_);
  return report_;
}

bool submit_session::work_until(std::uint64_t until_ns) {
  if (over_.load(std::memory_order_acquire)) return false;
  const bool more = hosted_->work_until(until_ns);
  if (!hosted_->over()) return more;
  work_to_the_end([this] { return hosted_->finish(); });
  if (failure_) std::rethrow_exception(failure_);
  return false;
}

}  // namespace pawl::core
