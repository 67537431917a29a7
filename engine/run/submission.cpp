#include "run/submission.hpp"

#include "record/key.hpp"
#include "results.hpp"
#include "run/fan.hpp"
#include "run/run_state.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

namespace pawl::core {
namespace {

constexpr std::size_t rounded_up(std::size_t size, std::size_t align) noexcept { return (size + align - 1) / align * align; }

void destroy(const detail::value_type* type, void* value) noexcept {
  if (type != nullptr && type->destroy != nullptr) type->destroy(value);
}

}  // namespace

bool state_door::read_result(const detail::chain& chain, const std::string& typed_key, void* storage) {
  const std::scoped_lock lock(mutex_);
  if (store_ == nullptr)
    throw error(errc::stopped, "handle: item '" + printable_key(typed_key) +
                                   "' was done before, and the engine that could read its result is closed; open the "
                                   "state and ask engine.result");
  return core::read_result(*store_, chain, typed_key, *chain.output, storage);
}

submission_pool::submission_pool(std::shared_ptr<const detail::chain> chain, std::shared_ptr<state_door> door,
                                 pawl::durability durability)
    : chain_(std::move(chain)),
      door_(std::move(door)),
      durability_(durability),
      size_(std::max(chain_->input->size, chain_->output->size)),
      align_{std::max({chain_->input->align, chain_->output->align, alignof(submission)})} {}

submission_pool::~submission_pool() {
  for (submission* one : made_) {
    one->~submission();
    ::operator delete(one, align_);
  }
}

// The submission and its storage: one piece.
submission* submission_pool::make() {
  if (made_.size() == made_.capacity()) made_.reserve(std::max<std::size_t>(64, made_.size() * 2));
  free_.reserve(made_.capacity());
  const std::size_t storage_at = rounded_up(sizeof(submission), static_cast<std::size_t>(align_));
  auto* memory = static_cast<std::byte*>(::operator new(storage_at + size_, align_));
  submission* one = ::new (memory) submission(memory + storage_at);
  made_.push_back(one);
  return one;
}

submission* submission_pool::take() {
  submission* taken = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    if (free_.empty()) {
      taken = make();
    } else {
      taken = free_.back();
      free_.pop_back();
    }
  }
  taken->pool = shared_from_this();
  taken->outcome = item_state::pending;
  taken->result_is_stored = false;
  taken->key.clear();
  taken->reason.clear();
  taken->seen.store(item_state::pending, std::memory_order_relaxed);
  taken->cancelled.store(false, std::memory_order_relaxed);
  taken->resolved.store(false, std::memory_order_relaxed);
  taken->holders.store(1, std::memory_order_relaxed);
  return taken;
}

void submission_pool::give_back(submission* one) noexcept {
  destroy(std::exchange(one->input, nullptr), one->storage);
  destroy(std::exchange(one->result, nullptr), one->storage);
  const std::scoped_lock lock(mutex_);
  free_.push_back(one);
}

void hold(submission* one) noexcept { one->holders.fetch_add(1, std::memory_order_relaxed); }

void release(submission* held) noexcept {
  if (held->holders.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  const std::shared_ptr<submission_pool> pool = std::move(held->pool);
  pool->give_back(held);
}

void keep_end(const run_state& run, active_item& item) noexcept {
  submission& one = *item.submitted;
  one.outcome = item.state;
  if (item.state != item_state::done || !item.ended || one.result != nullptr) return;
  const detail::erased_step& last = run.chain->steps.back();
  if (last.result == nullptr || last.discard) return;
  void* value = item.values[run.chain->steps.size()];
  one.result_is_stored = true;
  if (value == nullptr || last.result->move == nullptr) return;
  try {
    last.result->move(one.storage, value);
    one.result = last.result;
  } catch (...) {  // it can be read from the state
  }
}

void note_outcome(active_item& item, item_state outcome, std::string_view reason) noexcept {
  if (item.submitted != nullptr) note_outcome(*item.submitted, outcome, reason);
  if (item.child_of != nullptr) note_outcome(*item.child_of, item, outcome, reason);
}

void note_outcome(submission& one, item_state outcome, std::string_view reason) noexcept {
  one.outcome = outcome;
  try {
    one.reason.assign(reason);
  } catch (...) {  // without words then
  }
}

std::exception_ptr resolve(submission* held) noexcept {
  std::exception_ptr thrown;
  const detail::submission_ref ref(held);
  std::function<void(const detail::submission_ref&)> callback;
  std::vector<std::function<void(const detail::submission_ref&)>> more;
  {
    const std::scoped_lock lock(held->mutex);
    held->seen.store(held->outcome, std::memory_order_relaxed);
    held->resolved.store(true, std::memory_order_release);
    callback.swap(held->callback);
    more.swap(held->more_callbacks);
  }
  held->changed.notify_all();
  const auto call = [&](const auto& one) {
    try {
      one(ref);
    } catch (...) {
      if (!thrown) thrown = std::current_exception();
    }
  };
  if (callback) call(callback);
  for (const auto& one : more) call(one);
  return thrown;
}

}  // namespace pawl::core

namespace pawl::detail {

submission_ref::submission_ref(const submission_ref& other) noexcept : held_(other.held_) {
  if (held_ != nullptr) core::hold(held_);
}

submission_ref::~submission_ref() {
  if (held_ != nullptr) core::release(held_);
}

std::string submission_ref::key() const { return core::plain_key(held_->key); }

item_state submission_ref::state() const noexcept { return held_->seen.load(std::memory_order_relaxed); }

bool submission_ref::resolved() const noexcept { return held_->resolved.load(std::memory_order_acquire); }

durability submission_ref::durability() const noexcept { return held_->pool->durability(); }

std::string submission_ref::reason() const { return resolved() ? held_->reason : std::string(); }

item_state submission_ref::wait() const {
  std::unique_lock lock(held_->mutex);
  held_->changed.wait(lock, [this] { return resolved(); });
  return state();
}

bool submission_ref::wait_for(seconds longest) const {
  // A wait that overflows the clock would not wait at all.
  const auto bounded = std::min(longest, seconds(std::chrono::hours(24 * 365)));
  std::unique_lock lock(held_->mutex);
  return held_->changed.wait_for(lock, bounded, [this] { return resolved(); });
}

void submission_ref::then(std::function<void(const submission_ref&)> callback) const {
  {
    const std::scoped_lock lock(held_->mutex);
    if (!resolved()) {
      if (!held_->callback) held_->callback.swap(callback);
      else held_->more_callbacks.push_back(std::move(callback));
      return;
    }
  }
  callback(*this);
}

const void* submission_ref::result() const {
  if (wait() != item_state::done) return nullptr;
  const std::scoped_lock lock(held_->mutex);
  if (held_->result == nullptr && held_->result_is_stored) {
    const chain& chain = held_->pool->chain();
    if (held_->pool->door().read_result(chain, held_->key, held_->storage)) held_->result = chain.output;
    else held_->result_is_stored = false;
  }
  return held_->result == nullptr ? nullptr : held_->storage;
}

bool submission_ref::cancel() const noexcept {
  held_->cancelled.store(true, std::memory_order_relaxed);
  return !resolved();
}

}  // namespace pawl::detail
