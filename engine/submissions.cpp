#include "submissions.hpp"

#include "record/key.hpp"
#include "run/clock.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace pawl::core {
namespace {

// Of the one who polls, also where a step throws the engine away.
class polling_mark {
public:
  explicit polling_mark(std::atomic<bool>& flag) : flag_(flag) {
    if (flag_.exchange(true, std::memory_order_acquire))
      throw error(errc::bad_argument,
                  "poll: another poll of this engine is under way, in another thread or around this call; one at a time");
  }
  ~polling_mark() { flag_.store(false, std::memory_order_release); }
  polling_mark(const polling_mark&) = delete;
  polling_mark& operator=(const polling_mark&) = delete;

private:
  std::atomic<bool>& flag_;
};

constexpr double budget_s_max = 3600;

}  // namespace

submissions::submissions(backend& store, const engine_options& options,
                         std::function<std::unique_ptr<begun_run>(const chain_ptr&, const run_options&)> begin)
    : store_(store),
      threads_(options.threads),
      durability_(options.durability),
      begin_(std::move(begin)),
      door_(std::make_shared<state_door>(store)) {}

void submissions::end() {
  std::map<std::string, session_ptr> ending;
  {
    const std::scoped_lock lock(mutex_);
    ending.swap(sessions_);
  }
  polled_.clear();
  ending.clear();
  door_->close();
}

// Null where there is none.
submissions::session_ptr submissions::session_of(const detail::chain& chain) {
  const std::scoped_lock lock(mutex_);
  const auto found = sessions_.find(chain.name);
  if (found == sessions_.end()) return nullptr;
  if (found->second->chain() != &chain)
    throw error(errc::bad_argument, "submit: workflow '" + chain.name +
                                        "' is being submitted to by another workflow object of that name; use a copy "
                                        "of that one, or close it first");
  return found->second;
}

submissions::session_ptr submissions::make(const chain_ptr& chain, const run_options& options) {
  if (threads_ != threads::workers && (options.progress || options.stop_on_signals))
    throw error(errc::bad_argument, "open: workflow '" + chain->name +
                                        "': a host that polls owns the loop: progress and stop_on_signals are its own");
  auto pool = std::make_shared<submission_pool>(chain, door_, durability_);
  auto made = std::make_shared<submit_session>(begin_(chain, options), std::move(pool), threads_);
  const std::scoped_lock lock(mutex_);
  sessions_.emplace(chain->name, made);
  changes_.fetch_add(1, std::memory_order_release);
  return made;
}

void submissions::open(const chain_ptr& chain, const run_options& options) {
  const std::scoped_lock lock(opening_);
  if (session_of(*chain))
    throw error(errc::bad_argument, "open: workflow '" + chain->name + "' is open already; close it first");
  static_cast<void>(make(chain, options));
}

report submissions::close(const detail::chain& chain) {
  const session_ptr session = session_of(chain);
  if (!session)
    throw error(errc::bad_argument, "close: workflow '" + chain.name + "' is not open; nothing was submitted to it");
  std::optional<polling_mark> alone;  // who works on it here
  if (threads_ != threads::workers) alone.emplace(polling_);
  const auto forget = [&] {
    const std::scoped_lock lock(mutex_);
    sessions_.erase(chain.name);
    changes_.fetch_add(1, std::memory_order_release);
    if (alone) polled_.clear();
  };
  try {
    report made = session->close();
    forget();
    return made;
  } catch (const error& failure) {
    if (failure.code() != errc::bad_argument) forget();
    throw;
  } catch (...) {
    forget();
    throw;
  }
}

detail::submission_ref submissions::submit(const chain_ptr& chain, const detail::erased_input& input, bool may_wait) {
  session_ptr session = session_of(*chain);
  if (!session) {
    const std::scoped_lock lock(opening_);
    session = session_of(*chain);
    if (!session) session = make(chain, {});
  }
  return session->submit(input, may_wait);
}

detail::submission_ref submissions::find(const chain_ptr& chain, const std::string& typed_key) {
  const session_ptr session = session_of(*chain);
  if (session)
    if (detail::submission_ref there = session->in_flight(typed_key); !there.empty()) return there;
  item_id id = 0;
  detail::submission_ref found = recorded(chain, typed_key, id);
  const bool unfinished =
      !found.empty() && (found.state() == item_state::pending || found.state() == item_state::in_progress);
  return session && unfinished ? session->take_up(typed_key, id) : found;
}

// A resolved one of what is recorded; empty where nothing is.
detail::submission_ref submissions::recorded(const chain_ptr& chain, const std::string& typed_key, item_id& id) {
  store_.settle();
  const std::unique_ptr<snapshot> view = store_.read();
  const std::vector<workflow_record> known = view->workflows();
  const auto workflow =
      std::find_if(known.begin(), known.end(), [&](const workflow_record& one) { return one.name == chain->name; });
  stored_item item;
  if (workflow == known.end() || !view->find(workflow->id, typed_key, item, true)) return {};
  id = item.id;
  submission* one = std::make_shared<submission_pool>(chain, door_, durability_)->take();
  const detail::submission_ref ref(one);
  one->key.assign(typed_key);
  one->result_is_stored = item.state == item_state::done;
  note_outcome(*one, item.state, item.error);
  if (item.state == item_state::pending || item.state == item_state::in_progress) {
    const std::string last = one->reason.empty() ? "" : "; its last attempt failed: " + one->reason;
    one->reason = "nobody works on it; submit it, or run its workflow" + last;
  }
  hold(one);
  static_cast<void>(resolve(one));
  return ref;
}

poll_result submissions::poll(seconds budget) {
  if (threads_ == threads::workers)
    throw error(errc::bad_argument,
                "poll: the engine has worker threads, which do the work; open it with threads::flusher or threads::none");
  if (!(budget.count() >= 0)) throw error(errc::bad_argument, "poll: the budget must not be negative");
  const polling_mark mark(polling_);
  if (changes_.load(std::memory_order_acquire) != polled_changes_ || polled_.empty()) {
    const std::scoped_lock lock(mutex_);
    polled_changes_ = changes_.load(std::memory_order_relaxed);
    polled_.clear();
    for (const auto& [name, session] : sessions_) polled_.push_back(session);
  }
  const std::uint64_t began_ns = system_clock().now_ns();
  const auto budget_ns = static_cast<std::uint64_t>(std::min(budget.count(), budget_s_max) * 1e9);
  poll_result made;
  const std::size_t count = polled_.size();
  turn_ = count != 0 ? (turn_ + 1) % count : 0;
  for (std::size_t i = 0; i < count; ++i) {
    submit_session& session = *polled_[(turn_ + i) % count];
    const std::uint64_t before = session.items().ended();
    // What one leaves over goes to those behind it.
    made.more |= session.work_until(began_ns + budget_ns / count * (i + 1));
    made.ended += session.items().ended() - before;
    made.in_flight += session.items().in_flight();
  }
  return made;
}

}  // namespace pawl::core
