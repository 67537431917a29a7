// A handle: what one holds of an item that was submitted.
//
//   pawl::handle<int> frame = engine.submit(render, input);
//   frame.then([](const pawl::handle<int>& done) { show(done.result()); });
//   if (frame.wait() == pawl::item_state::done) use(*frame.result());
#pragma once

#include <pawl/options.hpp>
#include <pawl/report.hpp>

#include <functional>
#include <string>
#include <utility>

namespace pawl::core {
struct submission;
}

namespace pawl {

namespace detail {

/// One of those who hold a submission. Compiled; knows no types.
class submission_ref {
public:
  submission_ref() noexcept = default;
  /// Takes over one hold.
  explicit submission_ref(core::submission* held) noexcept : held_(held) {}
  submission_ref(const submission_ref& other) noexcept;
  submission_ref(submission_ref&& other) noexcept : held_(std::exchange(other.held_, nullptr)) {}
  submission_ref& operator=(submission_ref other) noexcept {
    std::swap(held_, other.held_);
    return *this;
  }
  ~submission_ref();

  [[nodiscard]] bool empty() const noexcept { return held_ == nullptr; }
  [[nodiscard]] bool same(const submission_ref& other) const noexcept { return held_ == other.held_; }
  [[nodiscard]] std::string key() const;
  [[nodiscard]] item_state state() const noexcept;
  [[nodiscard]] bool resolved() const noexcept;
  [[nodiscard]] pawl::durability durability() const noexcept;
  [[nodiscard]] std::string reason() const;
  item_state wait() const;
  [[nodiscard]] bool wait_for(seconds longest) const;
  void then(std::function<void(const submission_ref&)> callback) const;
  [[nodiscard]] const void* result() const;
  bool cancel() const noexcept;

private:
  core::submission* held_ = nullptr;
};

}  // namespace detail

/// The way to one item: submitted (engine::submit), or found by its key (engine::find). Cheap to copy; copies, and all
/// handles of an item in flight, are the same. May outlive the engine. Any thread, any member; but one object that is
/// assigned to needs a lock, as any value does.
///
/// It *resolves* once, when the item has ended (done, failed, skipped) and that is recorded in the durability that the
/// engine was opened with: see durability(). Where its session ends before (engine::stop, a failure), it resolves with
/// the item `pending` or `in_progress`, and reason() says why: submit it again, or find it after a restart.
template <class Out>
class handle {
public:
  /// Of no item: only assignment, comparison and the test for it are allowed.
  handle() noexcept = default;
  [[nodiscard]] explicit operator bool() const noexcept { return !ref_.empty(); }

  /// The item's key: text as it is in reports, an integer in decimal.
  [[nodiscard]] std::string key() const { return ref_.key(); }
  /// `pending` until it is taken up, `in_progress` until it resolves; then what it resolved with. Does not wait.
  [[nodiscard]] item_state state() const noexcept { return ref_.state(); }
  [[nodiscard]] bool resolved() const noexcept { return ref_.resolved(); }

  /// What the item's end survives when this resolves. `power`: it is on the disk. `process`: it survives the death of
  /// the process, and a power cut engine_options::flush_interval later (with threads::none: after some later call).
  [[nodiscard]] pawl::durability durability() const noexcept { return ref_.durability(); }

  /// Blocks until it resolves. With threads::flusher or none somebody must poll meanwhile; never call it in a step or a
  /// callback, which the item may be waiting for.
  item_state wait() const { return ref_.wait(); }
  /// The same, but not for longer than this; true where it has resolved.
  [[nodiscard]] bool wait_for(seconds longest) const { return ref_.wait_for(longest); }

  /// Calls `callback(const handle<Out>&)` when it resolves, or right now where it has: once, on the thread that brings
  /// the item to its end (with threads::workers one of those, else in poll or close), and outside all locks, so it may
  /// submit. Keep it short. If it throws, the session fails with pawl::error(callback_failed); where it is called right
  /// now, the exception comes out of this.
  /// A function that is trivial to copy and not larger than two pointers is kept without an allocation.
  template <class Callback>
  void then(Callback callback) const {
    ref_.then([callback = std::move(callback)](const detail::submission_ref& ref) mutable { callback(handle(ref)); });
  }

  /// Waits as wait() does. The kept result of a done item; null where it did not become done or keeps none (its last
  /// step returns void or is `.discard()`). Lives as long as this handle or another one of the item.
  /// Of an item that had been done before it is read from the state at the first call: throws what engine::result
  /// does, and stopped where the engine is closed by then.
  [[nodiscard]] const Out* result() const { return static_cast<const Out*>(ref_.result()); }

  /// Why the item failed or was skipped, or why it did not come to its end; else empty. Empty before it has resolved.
  [[nodiscard]] std::string reason() const { return ref_.reason(); }

  /// Asks for the item to be `skipped` with the reason "cancelled": recorded, so later runs leave it so. A step that
  /// runs is finished first, and a back-off or a wait for a place ends as it would have. False where it has resolved
  /// already. It may still become done or fail, where that comes first.
  bool cancel() const noexcept { return ref_.cancel(); }

  /// Of the same submission.
  friend bool operator==(const handle& a, const handle& b) noexcept { return a.ref_.same(b.ref_); }

private:
  friend class engine;
  explicit handle(detail::submission_ref ref) noexcept : ref_(std::move(ref)) {}

  detail::submission_ref ref_;
};

}  // namespace pawl
