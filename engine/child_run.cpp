#include "child_run.hpp"

#include <utility>

namespace pawl::core {

child_run::child_run(std::unique_ptr<begun_run> begun, run_state& parents, std::size_t step, std::size_t number)
    : begun_(std::move(begun)),
      parents_(parents),
      queue_(begun_->state(), *parents.chain->steps[step].fan),
      parents_stop_(parents.stop_running.get_token(), [this] { begun_->state().stop(); }),
      children_stop_(begun_->state().stop_running.get_token(),
                     [this] {
                       if (const auto why = begun_->state().failure()) parents_.fail(why);
                       else parents_.stop();
                     }) {
  thread_ = std::thread([this] { work(); });
  parents.fans[step][number] = &queue_;
}

child_run::~child_run() {
  if (!thread_.joinable()) return;
  begun_->state().stop();
  queue_.close();
  thread_.join();
}

void child_run::work() noexcept {
  try {
    report_ = begun_->conclude([this] { return run_session(begun_->state(), queue_); });
  } catch (...) {
    failure_ = std::current_exception();
    parents_.fail(failure_);
  }
  queue_.end();
}

report child_run::finish() {
  queue_.close();
  thread_.join();
  if (failure_) std::rethrow_exception(failure_);
  return std::move(report_);
}

}  // namespace pawl::core
