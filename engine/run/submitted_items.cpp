#include "run/submitted_items.hpp"

#include "record/key.hpp"
#include "run/run_state.hpp"
#include "run/what_of.hpp"

#include <pawl/error.hpp>

#include <utility>

namespace pawl::core {
namespace {

// Gives a submission back that was never published.
struct unpublished {
  submission* one;
  ~unpublished() {
    if (one != nullptr) release(one);
  }
};

}  // namespace

submitted_items::submitted_items(run_state& run, std::shared_ptr<submission_pool> pool)
    : run_(run),
      pool_(std::move(pool)),
      window_(run.settings.window_items),
      keys_(window_),
      queue_(window_) {}

void submitted_items::check_open() const {
  if (!closed_.load(std::memory_order_relaxed) && !run_.stopping()) return;
  throw error(errc::stopped, "submit: workflow '" + pool_->chain().name + "' takes nothing more: " +
                                 (closed_because_.empty() ? "it was stopped" : closed_because_) +
                                 "; after engine.close(workflow) it can be submitted to again");
}

bool submitted_items::reserve(bool may_wait) {
  std::unique_lock lock(mutex_);
  check_open();
  if (places_ == window_) {
    if (!may_wait) return false;
    ++waiting_for_room_;
    room_.wait(lock, [this] { return places_ != window_ || closed(); });
    --waiting_for_room_;
    check_open();
  }
  ++places_;
  return true;
}

void submitted_items::give_up_place() {
  const std::scoped_lock lock(mutex_);
  free_places(1);
}

void submitted_items::free_places(std::size_t count) {
  places_ -= count;
  if (waiting_for_room_ != 0) room_.notify_all();
}

detail::submission_ref submitted_items::add(const detail::erased_input& input) {
  const detail::chain& chain = pool_->chain();
  try {
    unpublished fresh{pool_->take()};
    input.construct(input.self, fresh.one->storage);
    fresh.one->input = chain.input;
    {
      const std::scoped_lock lock(mutex_);  // a projection is called by one thread at a time
      key_writer writer(fresh.one->key);
      try {
        chain.key(chain.key_self, fresh.one->storage, writer);
      } catch (...) {
        throw error(errc::key_failed, "submit: workflow '" + chain.name +
                                          "': the key of the input could not be had: " + what_of(std::current_exception()));
      }
    }
    if (fresh.one->key.size() - 1 > max_key_size)
      throw error(errc::too_large, "submit: workflow '" + chain.name + "': the key of the input has " +
                                       std::to_string(fresh.one->key.size() - 1) + " bytes; at most 65536 are stored");
    return publish(std::exchange(fresh.one, nullptr));
  } catch (...) {
    give_up_place();
    throw;
  }
}

detail::submission_ref submitted_items::add(std::string_view typed_key, item_id id) {
  try {
    unpublished fresh{pool_->take()};
    fresh.one->key.assign(typed_key);
    fresh.one->id = id;
    return publish(std::exchange(fresh.one, nullptr));
  } catch (...) {
    give_up_place();
    throw;
  }
}

// Takes over the caller's hold of `fresh`, and gives back one of what is in flight now.
detail::submission_ref submitted_items::publish(submission* fresh) {
  detail::submission_ref ref(fresh);
  fresh->key_hash = key_table::hash(fresh->key);
  const std::scoped_lock lock(mutex_);
  check_open();
  if (submission* there = keys_.find(fresh->key, fresh->key_hash)) {
    free_places(1);
    hold(there);
    return detail::submission_ref(there);
  }
  keys_.insert(fresh);
  hold(fresh);  // the session's
  const std::size_t waiting = waiting_.load(std::memory_order_relaxed);
  queue_[(queue_at_ + waiting) % window_] = fresh;
  waiting_.store(waiting + 1, std::memory_order_release);
  in_flight_.fetch_add(1, std::memory_order_relaxed);
  // Who comes for one takes all that are there, or says that there are more.
  if (waiting == 0) run_.ready.wake_one();
  return ref;
}

detail::submission_ref submitted_items::find(std::string_view typed_key) {
  const std::scoped_lock lock(mutex_);
  submission* there = keys_.find(typed_key, key_table::hash(typed_key));
  if (there == nullptr) return {};
  hold(there);
  return detail::submission_ref(there);
}

void submitted_items::close(std::string_view why) {
  const std::scoped_lock lock(mutex_);
  if (closed_.load(std::memory_order_relaxed)) return;
  closed_because_.assign(why);
  closed_.store(true, std::memory_order_release);
  room_.notify_all();
  run_.ready.wake_all();
}

void submitted_items::end(const std::exception_ptr& why) {
  const std::string reason =
      why ? "its session failed: " + what_of(why) : "its session was stopped before it came to its end";
  submission_list left;
  std::size_t count = 0;
  {
    const std::scoped_lock lock(mutex_);
    if (closed_because_.empty()) closed_because_ = why ? "it failed: " + what_of(why) : "it was stopped";
    closed_.store(true, std::memory_order_release);
    keys_.take_all([&](submission* one) {
      left.push(one);
      ++count;
    });
    waiting_.store(0, std::memory_order_release);
    room_.notify_all();
  }
  in_flight_.fetch_sub(count, std::memory_order_relaxed);
  while (left.first != nullptr) {
    submission* one = left.first;
    left.first = one->next;
    note_outcome(*one, one->seen.load(std::memory_order_relaxed), reason);
    static_cast<void>(resolve(one));
  }
}

submission* submitted_items::take() {
  const std::scoped_lock lock(mutex_);
  const std::size_t waiting = waiting_.load(std::memory_order_relaxed);
  if (waiting == 0) return nullptr;
  submission* oldest = queue_[queue_at_];
  if (++queue_at_ == window_) queue_at_ = 0;
  waiting_.store(waiting - 1, std::memory_order_release);
  oldest->seen.store(item_state::in_progress, std::memory_order_relaxed);
  return oldest;
}

void submitted_items::resolve_all(submission_list ended) {
  if (ended.first == nullptr) return;
  std::size_t count = 0;
  {
    const std::scoped_lock lock(mutex_);
    for (submission* one = ended.first; one != nullptr; one = one->next) {
      keys_.erase(one);
      ++count;
    }
    free_places(count);
  }
  in_flight_.fetch_sub(count, std::memory_order_relaxed);
  ended_.fetch_add(count, std::memory_order_relaxed);
  while (ended.first != nullptr) {
    submission* one = ended.first;
    ended.first = one->next;  // before it resolves: it may be used again right after that
    if (one->outcome != item_state::done && one->outcome != item_state::failed && one->outcome != item_state::skipped &&
        one->reason.empty())
      note_outcome(*one, one->outcome, "its session was stopped before it came to its end");
    const std::exception_ptr thrown = resolve(one);
    if (thrown)
      run_.fail(std::make_exception_ptr(
          error(errc::callback_failed, "submit: a callback of a handle threw: " + what_of(thrown) +
                                           "; the session was stopped, nothing is lost")));
  }
}

}  // namespace pawl::core
