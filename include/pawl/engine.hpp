// Start here: the engine, which runs workflows over items and remembers what is done.
//
//   pawl::engine engine{"crawl.pawl"};
//   pawl::report report = engine.run(crawl, urls);   // run it again: it resumes
//
// The bodies of the templates stand in detail/engine_templates.hpp; everything
// with a policy in it is compiled.
#pragma once

#include <pawl/options.hpp>
#include <pawl/plan.hpp>
#include <pawl/report.hpp>
#include <pawl/table.hpp>
#include <pawl/workflow.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace pawl {

namespace detail {
class result_cursor;
struct output_of_workflow;
}  // namespace detail

template <class T>
class result_range;

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

  /// Ends every run under way: nothing new starts, running steps see their stop token requested, what they
  /// complete is recorded, run() returns. Returns at once.
  void stop() noexcept;

  /// The state directory.
  [[nodiscard]] const std::filesystem::path& state() const noexcept;

private:
  friend class detail::result_cursor;
  struct impl;

  [[nodiscard]] report run_erased(std::shared_ptr<const detail::chain> chain, const detail::erased_source& source,
                                  const run_options& options);
  [[nodiscard]] bool read_result(const detail::chain& chain, const std::string& typed_key,
                                 const detail::value_type& type, void* storage) const;
  [[nodiscard]] pawl::plan plan_erased(std::shared_ptr<const detail::chain> chain, const run_options& options) const;

  std::unique_ptr<impl> impl_;
};

}  // namespace pawl

#include <pawl/detail/engine_templates.hpp>
