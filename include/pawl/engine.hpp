// Start here: the engine, which runs workflows over items and remembers what is done.
//
//   pawl::engine engine{"crawl.pawl"};
//   pawl::report report = engine.run(crawl, urls);   // run it again: it resumes
//
// The bodies of the templates stand in detail/engine_templates.hpp; everything
// with a policy in it is compiled.
#pragma once

#include <pawl/amend.hpp>
#include <pawl/handle.hpp>
#include <pawl/options.hpp>
#include <pawl/plan.hpp>
#include <pawl/report.hpp>
#include <pawl/table.hpp>
#include <pawl/workflow.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace pawl {

namespace detail {
class result_cursor;
struct output_of_workflow;
}  // namespace detail

template <class T>
class result_range;

/// What a call of engine::poll did.
struct poll_result {
  std::uint64_t ended = 0;    ///< items whose handles resolved during it
  std::size_t in_flight = 0;  ///< items that are submitted and have not ended
  bool more = false;          ///< the budget was spent before it was seen that nothing can be done right now
};

/// A state directory, open for this process alone, and the threads that write to it.
///
/// Every member may be called from any thread. Runs of different workflows may go on at the same time;
/// a second run of the same workflow is refused (bad_argument). Errors are pawl::error.
class engine {
public:
  /// Opens the state directory `state`, or makes it (mode 0700; its parent must exist).
  ///
  /// Throws state_in_use where another process, or another engine of this one, has it open (the sentence names
  /// the pid); not_a_state, newer_format, damaged, io, disk_full; bad_argument for options that make no sense.
  /// What a crashed process had recorded is made durable before this returns.
  explicit engine(const std::filesystem::path& state, const engine_options& options = {});
  /// Stops runs that are under way as stop() does, waits for them, and closes the state.
  ~engine();
  engine(engine&& other) noexcept;
  engine& operator=(engine&& other) noexcept;

  /// Takes every item of `source` through `workflow`; returns when each has ended or the run was stopped.
  ///
  /// `source`: any range whose elements make an In (pulled lazily, by one thread at a time), or pawl::generate(fn).
  /// Items that are recorded go on where they were; those that are done cost a look-up. Steps are called on
  /// `workers` threads, of which the caller's is one; with one worker, on the caller's alone.
  ///
  /// When it returns, everything that the report counts is durable. A step, codec or input that fails, fails its
  /// item and not the run. Throws where the run as a whole cannot go on: source_failed, key_failed, disk_full,
  /// io, callback_failed, ...; what was recorded until then stays, and the next run goes on from it.
  template <class In, class Out, class Source>
  report run(const workflow_of<In, Out>& workflow, Source&& source, const run_options& options = {});

  /// Finishes what is unfinished of `workflow` in the state, without a source: pending items, those in progress, and
  /// failed ones as a run over their source would take them up again, in the order in which they were admitted.
  ///
  /// An item goes on where its latest result is stored, or its input, or its key is its input. One of which none is, so
  /// that only a run over its source can take it up, is counted and named in the report (`left`, `first_left`) and
  /// stays as it is. The report counts unfinished and failed items only. Otherwise as run().
  template <class In, class Out>
  report resume(const workflow_of<In, Out>& workflow, const run_options& options = {});

  /// Takes one item through `workflow`, beside all others that are submitted: returns at once with its handle.
  ///
  /// The first call opens a *session* of the workflow, as open() does with default options. `item`: whatever makes an In.
  /// Its key is read here, under a lock. While as many items as `window_items` are submitted and have not ended, this
  /// blocks (and throws window_full where that would be for ever: in a step or a callback of the session, or without
  /// threads::workers). A key that is in flight gives the handle of the item in flight, whatever its input; one that is
  /// recorded is taken up as run() would: done items resolve at once, and a key that ended a moment ago waits until the
  /// state shows it.
  ///
  /// Nothing is recorded when this returns; an item that a crash forgets has had no effect but perhaps of its first step.
  /// What the item came to is durable when the handle resolves, as its durability() says. Throws stopped after stop() or
  /// during close(), key_failed, too_large, bad_argument where a run of the workflow is under way or its session was
  /// opened with another workflow object (copies are the same), and what making the In throws.
  template <class In, class Out, class Item = In>
  handle<Out> submit(const workflow_of<In, Out>& workflow, Item&& item);
  /// The same, but never blocks: nothing where the window is full, and `item` is untouched then.
  template <class In, class Out, class Item = In>
  [[nodiscard]] std::optional<handle<Out>> try_submit(const workflow_of<In, Out>& workflow, Item&& item);

  /// The handle of the item with this key, or nothing where it is neither in flight nor recorded. One that has ended,
  /// also failed, gives a resolved one. An unfinished one becomes part of the session, if there is one, as resume()
  /// would take it up (waits and throws as submit()); else its handle resolves at once with the state that it is in.
  /// Looks into the state after what is recorded so far has been moved there, so it may take a while.
  template <class In, class Out, class Key>
  [[nodiscard]] std::optional<handle<Out>> find(const workflow_of<In, Out>& workflow, const Key& key);

  /// Opens a session of `workflow`: a run that goes on until close(), with these options; it counts as a run
  /// everywhere else. Throws bad_argument where one is open, or a run is under way.
  template <class In, class Out>
  void open(const workflow_of<In, Out>& workflow, const run_options& options = {});
  /// Takes nothing more for the session, waits until all of it has ended (working on it, without threads::workers), and
  /// reports on it as run() does, every submission of a key that was not in flight counting as one item. Throws what
  /// the session failed with, and bad_argument where none is open or a step or callback of it calls this.
  template <class In, class Out>
  report close(const workflow_of<In, Out>& workflow);

  /// For a host that owns the loop, with threads::flusher or none: works on all sessions on the caller's thread, which
  /// calls every step, codec and callback, until nothing can be done right now or `budget` is spent. What is begun is
  /// finished: a step that is longer than what is left of the budget overruns it, one that was so before is begun only
  /// at the front of a call. A batch, the group of a transactional step, and all rounds of a loop are one call each. In
  /// steady state nothing is allocated, but for batches and transactions. With threads::none see there for what may block.
  ///
  /// Returns at once where nothing is to be done; items may wait for the disk meanwhile. Throws bad_argument with
  /// threads::workers, for a negative budget, and where another poll is under way, in another thread or around this
  /// call; and, once, what a session failed with.
  poll_result poll(seconds budget);

  /// Sets items back so that they go on at the step named `from_step`, with the kept results of earlier steps and a new
  /// generation: idempotency keys of the steps that are done again are new. The next run() or resume() does them.
  ///
  /// An item of which the value that the step takes is not stored (a result without `.keep()`; for the first step, the
  /// input of a done item, unless its key is its input) is left as it is and told with the reason. One that has not come
  /// behind that step is `unchanged`.
  /// Named by text, no C++ types are needed, and values that later steps read beside their input (pawl::item,
  /// pawl::from) are not looked for: an item that lacks one is stopped by the next run, with the reason.
  ///
  /// Each item is changed wholly or not at all, and all that the answer counts is durable when it returns; after a crash
  /// or an error in the middle call it again, and it goes on. Throws not_found, with the names that there are, for a
  /// workflow or a step that is not recorded, and, before anything is changed, for a key; bad_argument where a run of
  /// the workflow is under way.
  template <class In, class Out>
  amend_report rerun(const workflow_of<In, Out>& workflow, std::string_view from_step, const rerun_options& options = {});
  amend_report rerun(std::string_view workflow, std::string_view from_step, const rerun_options& options = {});

  /// Makes failed items unfinished again, at the step where they failed, with attempts counted anew and the same
  /// idempotency keys. (A run does the same on its own with failures that are not sticky.) One that is named by key and
  /// has not failed is left and told. Durability and errors as of rerun().
  template <class In, class Out>
  amend_report retry(const workflow_of<In, Out>& workflow, const reopen_options& options = {});
  amend_report retry(std::string_view workflow, const reopen_options& options = {});

  /// Makes an unfinished or failed item `skipped`, for this reason; durable when it returns. Later runs leave it so.
  /// Throws bad_argument where the item is done or skipped already, or the reason is empty or above 8 KiB; not_found;
  /// bad_argument where a run of the workflow is under way.
  template <class In, class Out>
  void skip(const workflow_of<In, Out>& workflow, const any_key& key, std::string_view reason);
  void skip(std::string_view workflow, const any_key& key, std::string_view reason);

  /// Removes done items of `workflow` by age and count (retain_options), those that ended first first: row, key, results,
  /// files and counts. A removed item is forgotten: result() and find() know it no more, and **a later run whose source
  /// gives its key does it again**. Failed, skipped and unfinished items stay. All that the answer counts is durable when it
  /// returns; after a crash or an error in the middle each item is there wholly or not at all, and another call goes on.
  ///
  /// Looks at every item of the workflow, some millions a second. `dry_run`: counts, and changes nothing. Throws
  /// bad_argument where neither limit is set, done_for is out of range, or a run of the workflow is under way; not_found for a
  /// workflow that is not recorded; damaged, disk_full, io.
  template <class In, class Out>
  prune_report prune(const workflow_of<In, Out>& workflow, const retain_options& limits, bool dry_run = false);
  prune_report prune(std::string_view workflow, const retain_options& limits, bool dry_run = false);

  /// The kept result of a done item, or nothing where the item is unknown, not done, or has none.
  /// `key`: what the workflow's key projection gives for it. T: the workflow's Out unless named; a result that
  /// was recorded under another schema is read by field name. Throws schema_mismatch, codec_failed, damaged.
  template <class T = detail::output_of_workflow, class In, class Out, class Key>
  [[nodiscard]] auto result(const workflow_of<In, Out>& workflow, const Key& key) const;

  /// All kept results of done items, in the order in which the items were admitted: an input range of
  /// `{std::string key; T value;}`. Reads lazily in short snapshots, so a run may go on beside it and no item
  /// is given twice. The engine must outlive the range.
  template <class T = detail::output_of_workflow, class In, class Out>
  [[nodiscard]] auto results(const workflow_of<In, Out>& workflow) const;

  /// What run() would do with the recorded items, under `options`, if it had their inputs. Changes no item. The
  /// answer is also left in the state directory, where `pawl plan` prints it.
  template <class In, class Out>
  [[nodiscard]] pawl::plan plan(const workflow_of<In, Out>& workflow, const run_options& options = {}) const;

  /// All tables (table.hpp) as the last commit of a transactional step left them. Also while a run goes on, which does
  /// not wait for it. The engine may go before the view.
  [[nodiscard]] table_view view() const;

  /// Ends every run and session under way: nothing new starts, running steps see their stop token requested, what they
  /// complete is recorded, run() returns. Returns at once. A session then takes nothing more; close() still reports on
  /// it, and what it left is found and submitted again as after a restart.
  void stop() noexcept;

  /// The state directory.
  [[nodiscard]] const std::filesystem::path& state() const noexcept;

private:
  friend class detail::result_cursor;
  struct impl;

  [[nodiscard]] report run_erased(std::shared_ptr<const detail::chain> chain, const detail::erased_source& source,
                                  const run_options& options);
  [[nodiscard]] report resume_erased(std::shared_ptr<const detail::chain> chain, const run_options& options);
  [[nodiscard]] amend_report rerun_erased(const std::string& workflow, const detail::chain* chain,
                                          std::string_view from_step, const rerun_options& options);
  [[nodiscard]] detail::submission_ref submit_erased(const std::shared_ptr<const detail::chain>& chain,
                                                     const detail::erased_input& input, bool may_wait);
  [[nodiscard]] detail::submission_ref find_erased(const std::shared_ptr<const detail::chain>& chain,
                                                   const std::string& typed_key);
  void open_erased(std::shared_ptr<const detail::chain> chain, const run_options& options);
  [[nodiscard]] report close_erased(const std::shared_ptr<const detail::chain>& chain);
  [[nodiscard]] bool read_result(const detail::chain& chain, const std::string& typed_key,
                                 const detail::value_type& type, void* storage) const;
  [[nodiscard]] pawl::plan plan_erased(std::shared_ptr<const detail::chain> chain, const run_options& options) const;

  std::unique_ptr<impl> impl_;
};

}  // namespace pawl

#include <pawl/detail/engine_templates.hpp>
